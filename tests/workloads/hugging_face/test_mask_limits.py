"""What is read of a mask function is the mask that transformers makes with it, pair by pair."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import masking_utils as masks
from transformers.models.gemma3.modeling_gemma3 import _bidirectional_window_overlay
from transformers.models.moonshine_streaming import modeling_moonshine_streaming as moonshine
from transformers.models.nemotron_asr_streaming.modeling_nemotron_asr_streaming import (
    chunked_limited_mask_function,
)
from transformers.models.t5gemma2 import modeling_t5gemma2 as t5gemma2

from tandemsim.sim.arch.checks import UserError
from tandemsim.workloads.hugging_face.limit_patterns import Span, is_causal, is_dense, pattern_of_limits
from tandemsim.workloads.hugging_face.marked_masks import MarkedMasks
from tandemsim.workloads.hugging_face.mask_limits import Limits, limits_of, rows_of
from tests.examples import some_of

width = st.integers(1, 12)
no_padding = torch.zeros(1, dtype=torch.int64)

#: The statements of the library and of its models.
functions = st.one_of(
    st.just(masks.causal_mask_function),
    st.just(masks.bidirectional_mask_function),
    st.builds(masks.sliding_window_causal_mask_function, width),
    st.builds(masks.sliding_window_bidirectional_mask_function, width),
    st.builds(lambda size: masks.chunked_causal_mask_function(size, no_padding), width),
    st.builds(_bidirectional_window_overlay, width),
    st.builds(lambda left, right: moonshine.sliding_window_mask_function((left, right)), width, width),
    st.builds(t5gemma2.sliding_window_mask_function, width, st.booleans()),
    st.builds(chunked_limited_mask_function, st.integers(0, 8), st.integers(0, 3)),
    st.builds(
        lambda window, prefix: masks.or_masks(
            masks.causal_mask_function,
            masks.blockwise_overlay(torch.tensor([[0] * prefix + [-1] * (40 - prefix)])),
        ),
        width,
        st.integers(0, 9),
    ),
    st.builds(
        lambda window, other: masks.and_masks(
            masks.sliding_window_overlay(window), masks.sliding_window_causal_mask_function(other)
        ),
        width,
        width,
    ),
)


def mask_of(function, span, first_key=0):
    """Return the library's own mask."""
    made = masks.sdpa_mask(
        1, span.queries, span.keys, span.offset + first_key, first_key, function, allow_is_causal_skip=False
    )
    return made[0, 0].numpy()


@given(functions, st.integers(1, 16), st.integers(1, 20), st.integers(0, 15))
@settings(max_examples=some_of(300), deadline=None)
def test_a_statement_that_is_read_has_the_pairs_of_the_librarys_mask(function, queries, keys, offset):
    span = Span(queries, keys, offset)
    expected = mask_of(function, span)
    limits = limits_of(function)
    assert limits is not None
    if is_dense(limits, span):
        assert expected.all()
    elif is_causal(limits, span):
        assert np.array_equal(expected, np.tri(queries, dtype=bool))
    elif not expected.any(axis=1).all():
        with pytest.raises(UserError, match="must let e"):
            pattern_of_limits(limits, span)
    else:
        pattern = pattern_of_limits(limits, span)
        assert np.array_equal(pattern.mask(range(queries)), expected)
        assert pattern.pairs() == expected.sum()


def test_dense_and_causal_patterns_are_told_where_they_are():
    assert is_dense(Limits(high=0), Span(1, 9, 8)) and not is_dense(Limits(high=0), Span(2, 9, 7))
    assert is_causal(Limits(low=-8, high=0), Span(9, 9)) and not is_causal(Limits(low=-7, high=0), Span(9, 9))
    assert is_dense(Limits(low=-8, high=8), Span(9, 9)) and not is_dense(Limits(low=-8, high=7), Span(9, 9))


def test_rows_are_the_masks_with_a_cache_too():
    function = masks.sliding_window_causal_mask_function(5)
    rows = rows_of(function, [12, 13], 7, 8, 2)
    assert np.array_equal(rows.numpy(), mask_of(function, Span(2, 7, 4), first_key=8))


# -- what is not read ---------------------------------------------------------------------------------------


def own_mask(batch_idx, head_idx, q_idx, kv_idx):
    return (q_idx + kv_idx) % 2 == 0


def marked(function, **more):
    notes = []
    made = MarkedMasks(notes.append)
    mask = made(1, 12, 12, mask_function=function, **more)
    return made.mark_of(mask, 12, 12), mask, notes


def test_a_statement_that_is_not_known_stays_a_mask():
    mark, mask, notes = marked(own_mask)
    assert mark.limits is None
    assert notes == ["the mask own_mask is not read as a pattern; it stays an operand of the attention"]
    assert torch.equal(mask[0, 0, 0], torch.arange(12) % 2 == 0)


def test_a_statement_with_other_rows_than_it_is_read_to_have_stays_a_mask():
    def sliding_window_overlay(sliding_window):
        def inner_mask(batch_idx, head_idx, q_idx, kv_idx):
            return kv_idx >= q_idx - sliding_window  # one key more than the library's

        inner_mask.__qualname__ = "sliding_window_overlay.<locals>.inner_mask"
        return inner_mask

    mark, _, notes = marked(masks.and_masks(sliding_window_overlay(4), masks.causal_mask_function))
    assert mark.limits is None
    assert notes == [
        "the mask and_masks.<locals>.and_mask has other rows than it states; it stays an operand"
    ]


@pytest.mark.parametrize("blocks", [[[-1, 0, 0, -1]], [[0, 0, 1, 1]], [[0, 0, -1, 0]]])
def test_blocks_that_are_no_prefix_are_not_read(blocks):
    overlay = masks.blockwise_overlay(torch.tensor(blocks))
    assert limits_of(masks.or_masks(masks.causal_mask_function, overlay)) is None


def test_a_part_of_a_mask_that_does_not_start_at_its_first_row_is_not_known():
    made = MarkedMasks([].append)
    mask = made(1, 12, 12, mask_function=masks.sliding_window_causal_mask_function(4))
    assert made.mark_of(mask[:, :, 2:], 10, 12) is None
    assert made.mark_of(mask.transpose(-1, -2), 12, 12) is None
    assert made.mark_of(mask.float(), 12, 12) is None
    assert made.mark_of(mask[:, :, :, :8], 12, 8).span == Span(12, 8)


@pytest.mark.parametrize("limits, offset", [(Limits(1, 0), 0), (Limits(-3, 0), 8), (Limits(low=1), 0)])
def test_a_query_without_keys_is_refused(limits, offset):
    with pytest.raises(UserError, match="must let e.*query see a key"):
        pattern_of_limits(limits, Span(8, 8, offset))


def test_a_mask_that_the_model_writes_to_is_no_longer_what_it_stood_for():
    masks = MarkedMasks([].append)
    mask = masks(1, 8, 8, device="meta")
    assert masks.mark_of(mask, 8, 8).limits == Limits(high=0)
    mask.logical_and_(torch.eye(8, dtype=torch.bool, device="meta"))
    assert masks.mark_of(mask, 8, 8) is None

"""A mask is recognized as a pattern if and only if the pattern has exactly its pairs."""

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from tandemsim.traces.bands import Band
from tandemsim.traces.pattern import Chunks, Pattern
from tandemsim.workloads.fused import FusedAttention
from tandemsim.workloads.mask_patterns import Whole, as_few_bands, pattern_of_mask
from tandemsim.workloads.masked import Masked
from tandemsim.workloads.recorder import Recorder

N = 64
CAUSAL = Band(1 - N, 0, 1)

PATTERNS = {
    "causal window": Pattern.causal_window(N, 9),
    "wide causal window": Pattern.causal_window(N, 50),
    "sinks": Pattern.causal_window(N, 9, sinks=4),
    "sinks of a wide window": Pattern.causal_window(N, 50, sinks=4),
    "both sides": Pattern.sliding(N, 9),
    "even window": Pattern.sliding(N, 8),
    "global tokens": Pattern.longformer(N, 8, (0, 1, 17)),
    "dilated": Pattern.dilated(N, 9, 3),
    "strided": Pattern.strided_sparse(N, 4, 8),
    "star": Pattern.star(N),
    "chunks": Pattern.chunked(N, 16),
    "chunks of both sides": Pattern.chunked(N, 16, causal=False),
    "chunks that leave a rest": Pattern.chunked(N, 12),
    "chunks and the one before": Pattern(seq_len=N, bands=(Band(-31, 15, 1),), chunks=Chunks(16, 1, 0, 5)),
    "chunks and both neighbors": Pattern(seq_len=N, bands=(Band(-31, 31, 1),), chunks=Chunks(16, 1, 1)),
    "prefix": Pattern(seq_len=N, bands=(CAUSAL,), sink_tokens=tuple(range(10))),
    "long prefix": Pattern(seq_len=N, bands=(CAUSAL,), sink_tokens=tuple(range(40))),
    "chunk of a prompt": Pattern.causal_window(N, 9, q_len=16, q_offset=48),
    "one token": Pattern.causal_window(N, 9, q_len=1, q_offset=63),
    "causal rest of a prompt": Pattern.causal_window(N, N, q_len=16, q_offset=48),
    "blocks": Pattern.block_sparse(N, 16, 16, [[0, 1], [0, 3], [2], [1, 2]]),
}


def mask_of(pattern):
    return pattern.mask(np.arange(pattern.q_len))


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_found_again_in_its_mask(name):
    mask = mask_of(PATTERNS[name])
    found = pattern_of_mask(mask)
    assert isinstance(found, Pattern) and (mask_of(found) == mask).all()
    assert found.pairs() == mask.sum()


def test_numbers_of_a_pattern_are_those_of_the_model():
    prefix = pattern_of_mask(mask_of(PATTERNS["long prefix"]))
    assert (prefix.bands, prefix.sink_tokens) == ((CAUSAL,), tuple(range(40)))
    sinks = pattern_of_mask(mask_of(PATTERNS["sinks of a wide window"]))
    assert (sinks.bands, sinks.sink_tokens, sinks.causal) == ((Band(-49, 0, 1),), (0, 1, 2, 3), True)
    chunks = pattern_of_mask(mask_of(PATTERNS["chunks and the one before"]))
    assert chunks.chunks == Chunks(16, 1, 0, 5)


def test_random_patterns_are_found_exactly_or_not_at_all():
    generator = np.random.default_rng(7)
    found_count = 0
    for _ in range(300):
        queries, keys = generator.integers(1, 40), generator.integers(2, 40)
        low, high = sorted(generator.integers(-keys, keys, 2))
        place, key = np.arange(queries)[:, None] + max(keys - queries, 0), np.arange(keys)[None]
        mask = (
            (key - place >= low)
            & (key - place <= high)
            & ((key - place - low) % generator.integers(1, 4) == 0)
        )
        mask |= (key < generator.integers(0, 4)) & (key <= place + keys * generator.integers(0, 2))
        found = pattern_of_mask(mask)
        if isinstance(found, Pattern):
            found_count += 1
            assert (mask_of(found) == mask).all()
        elif found is Whole.CAUSAL:
            assert (mask == np.tri(keys, dtype=bool)).all()
        else:
            assert mask.all() == (found is Whole.DENSE)
    assert found_count > 150


@pytest.mark.parametrize("name", PATTERNS)
def test_one_pair_more_or_less_is_another_mask(name):
    generator = np.random.default_rng(3)
    whole = mask_of(PATTERNS[name])
    for _ in range(10):
        mask = whole.copy()
        place = tuple(generator.integers(0, length) for length in mask.shape)
        mask[place] ^= True
        found = pattern_of_mask(mask)
        assert found is None or (isinstance(found, Pattern) and (mask_of(found) == mask).all())


def test_what_has_no_pattern_stays_a_mask():
    assert pattern_of_mask(np.random.default_rng(0).random((40, 40)) < 0.5) is None


@pytest.mark.parametrize(
    "offsets", [[0], [-3, -2, -1, 0, 1], [-9, -6, -3, 0], [-8, -4, -1, 0, 1], [1, 3, 4, 5, 9]]
)
def test_bands_hold_their_offsets_once_each(offsets):
    bands = as_few_bands(np.array(offsets))
    held = [offset for band in bands for offset in range(band.low, band.high + 1, band.dilation)]
    assert held == offsets


# -- through PyTorch's own function --------------------------------------------------------------------------


def fused(*operands, **options):
    recorder = Recorder()
    with FusedAttention(recorder, Masked(recorder)):
        return scaled_dot_product_attention(*operands, **options), recorder


@pytest.mark.parametrize("name", [name for name in PATTERNS if PATTERNS[name].q_len == N])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_attention_under_a_recognized_mask_gives_what_pytorch_gives(name, kind):
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, N, 8), torch.randn(2, 2, N, 8), torch.randn(2, 2, N, 6)
    mask = torch.from_numpy(mask_of(PATTERNS[name]))
    if kind == "float":
        mask = torch.zeros(N, N).masked_fill(~mask, torch.finfo(torch.float32).min)
    result, recorder = fused(q, k, v, attn_mask=mask, enable_gqa=True)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    torch.testing.assert_close(result, expected, atol=2e-6, rtol=0)
    assert not recorder.notes


def test_a_bias_that_is_more_than_a_mask_is_kept():
    q = torch.randn(1, 2, N, 8)
    place = torch.arange(N)
    bias = -(place[:, None] - place).abs().float()
    result, recorder = fused(q, q, q, attn_mask=bias)
    torch.testing.assert_close(
        result, scaled_dot_product_attention(q, q, q, attn_mask=bias), atol=2e-6, rtol=0
    )
    assert list(recorder.notes) == ["a constant mask without a pattern stays an operand of its attention"]


def test_a_mask_that_differs_by_head_is_kept():
    q = torch.randn(1, 2, N, 8)
    mask = torch.stack([torch.from_numpy(mask_of(PATTERNS[name])) for name in ("both sides", "dilated")])
    result, _ = fused(q, q, q, attn_mask=mask)
    torch.testing.assert_close(
        result, scaled_dot_product_attention(q, q, q, attn_mask=mask), atol=2e-6, rtol=0
    )

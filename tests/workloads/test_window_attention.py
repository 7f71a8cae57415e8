"""The windowed-attention operator equals a dense softmax under a mask written out pair by pair."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads import attention
from tandemsim.workloads.attention import pattern_attention, window_attention

BLOCK = attention.BLOCK
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}  # float32, sums of at most some hundred terms


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks of 7 queries, so that short sequences cross several of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "BLOCK", 7)
        yield


def dense(q, k, v, attends):
    """Masked attention by its definition, one softmax for each query; a query without keys yields zeros."""
    scores = torch.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(q.shape[-1])
    weights = torch.where(attends, (scores - scores.amax()).exp(), 0.0)
    total = weights.sum(-1, keepdim=True)
    return torch.einsum("bhij,bhjd->bhid", weights / torch.where(total > 0, total, 1.0), v)


def in_bands(seq_len, bands):
    """Return the mask of 1-D bands as [query][key], from the definition of an offset."""
    offsets = {offset for low, high, dilation in bands for offset in range(low, high + 1, dilation)}
    return torch.tensor([[j - i in offsets for j in range(seq_len)] for i in range(seq_len)])


def in_window(seq_len, grid, window):
    """Return the mask of a 2-D window, token by token, tokens outside the grid first."""
    (height, width), ((low_y, high_y), (low_x, high_x)) = grid, window
    mask = torch.zeros(seq_len, seq_len, dtype=torch.bool)
    outside = seq_len - height * width
    for y in range(height):
        for x in range(width):
            for key_y in range(max(0, y + low_y), min(height, y + high_y + 1)):
                for key_x in range(max(0, x + low_x), min(width, x + high_x + 1)):
                    mask[outside + y * width + x, outside + key_y * width + key_x] = True
    return mask


def with_globals(mask, tokens):
    mask = mask.clone()
    mask[list(tokens)] = True
    mask[:, list(tokens)] = True
    return mask


def random_qkv(seq_len, batch=2, heads=2, head_dim=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, heads, seq_len, head_dim, generator=generator) for _ in range(3)]


@st.composite
def band_patterns(draw):
    seq_len = draw(st.integers(1, 40))
    bands = []
    tokens = draw(st.lists(st.integers(0, seq_len - 1), max_size=3, unique=True))
    for _ in range(draw(st.integers(0 if tokens else 1, 3))):
        dilation = draw(st.integers(1, 5))
        low = draw(st.integers(1 - seq_len, seq_len - 1))
        steps = draw(st.integers(0, (seq_len - 1 - low) // dilation))
        bands.append([low, low + steps * dilation, dilation])
    return seq_len, bands, tokens


@given(band_patterns(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_bands_equal_the_masked_dense_softmax(pattern, seed):
    seq_len, bands, tokens = pattern
    q, k, v = random_qkv(seq_len, seed=seed)
    expected = dense(q, k, v, with_globals(in_bands(seq_len, bands), tokens))
    torch.testing.assert_close(
        window_attention(q, k, v, bands=bands, global_tokens=tokens), expected, **TOLERANCE
    )


@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.tuples(st.integers(-4, 0), st.integers(0, 4), st.integers(-4, 0), st.integers(0, 4)),
    st.integers(0, 2),
)
@settings(max_examples=25, deadline=None)
def test_any_window_on_a_grid_equals_the_masked_dense_softmax(grid, reach, outside):
    (height, width), (low_y, high_y, low_x, high_x) = grid, reach
    window = [
        [max(low_y, 1 - height), min(high_y, height - 1)],
        [max(low_x, 1 - width), min(high_x, width - 1)],
    ]
    seq_len = outside + height * width
    q, k, v = random_qkv(seq_len)
    expected = dense(q, k, v, with_globals(in_window(seq_len, grid, window), range(outside)))
    actual = window_attention(q, k, v, bands=window, global_tokens=range(outside), grid=grid)
    torch.testing.assert_close(actual, expected, **TOLERANCE)


@pytest.mark.parametrize("tokens", [[0], [3, 11]])
def test_global_rows_use_their_own_projections_and_nobody_else_does(tokens):
    q, k, v = random_qkv(20)
    full_q, global_k, global_v = random_qkv(20, seed=1)
    global_q = full_q[:, :, tokens]
    actual = window_attention(
        q, k, v, (global_q, global_k, global_v), bands=[[-2, 2, 1]], global_tokens=tokens
    )
    expected = dense(q, k, v, with_globals(in_bands(20, [[-2, 2, 1]]), tokens))
    everything = torch.ones(len(tokens), 20, dtype=torch.bool)
    expected[:, :, tokens] = dense(global_q, global_k, global_v, everything)
    torch.testing.assert_close(actual, expected, **TOLERANCE)


@given(st.sampled_from([1, 2, 4]), st.integers(1, 6), st.booleans(), st.sampled_from([None, 1.5]))
@settings(max_examples=20, deadline=None)
def test_grouped_heads_sinks_bias_and_softcap_equal_the_softmax_written_out(kv_heads, v_dim, sunk, softcap):
    generator = torch.Generator().manual_seed(kv_heads)
    q, k, v, bias, sinks = (
        torch.randn(shape, generator=generator)
        for shape in ((2, 4, 20, 3), (2, kv_heads, 20, 3), (2, kv_heads, 20, v_dim), (1, 4, 20, 20), (4,))
    )
    attends = with_globals(in_bands(20, [[-3, 0, 1]]), [2])
    scores = 0.7 * torch.einsum("bhid,bhjd->bhij", q, torch.cat([k] * (4 // kv_heads), 2).view(2, 4, 20, 3))
    scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
    powers = torch.where(attends, (scores + bias).exp(), 0.0)
    total = powers.sum(-1, keepdim=True) + (sinks.exp()[:, None, None] if sunk else 0)
    expected = powers / total @ torch.cat([v] * (4 // kv_heads), 2).view(2, 4, 20, v_dim)
    pattern = Pattern(seq_len=20, bands=((-3, 0, 1),), global_tokens=(2,))
    more = {"bias": bias, "sinks": sinks if sunk else None, "scale": 0.7, "softcap": softcap}
    torch.testing.assert_close(pattern_attention(q, k, v, pattern, **more), expected, **TOLERANCE)


def test_a_query_without_any_key_yields_zeros():
    q, k, v = random_qkv(10)
    out = window_attention(q, k, v, bands=[[4, 6, 1]])
    assert torch.equal(out[:, :, 6:], torch.zeros_like(out[:, :, 6:]))
    assert out[:, :, :6].abs().min() > 0


def test_large_scores_do_not_overflow():
    q, k, v = random_qkv(12)
    out = window_attention(1e4 * q, 1e4 * k, v, bands=[[-3, 3, 1]], global_tokens=[0])
    assert torch.isfinite(out).all()


def stated(seq_len, bands, tokens=(), grid=None):
    """Return a pattern as the operator takes it."""
    dims = {"seq_len": seq_len} | ({"grid": grid} if grid else {})
    return json.dumps({"dims": dims, "attrs": {"bands": bands, "global_tokens": list(tokens)}})


class LargestTensor(TorchDispatchMode):
    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.elements = max(
            [self.elements, *(t.numel() for t in tree_leaves(result) if isinstance(t, torch.Tensor))]
        )
        return result


@pytest.mark.parametrize("grid", [None, (64, 16)])
def test_memory_does_not_grow_with_the_square_of_the_sequence(grid, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", BLOCK)
    bands = [[-4, 4, 1]] if grid is None else [[-1, 1], [-4, 4]]
    largest = []
    for factor in (1, 2):
        taller = grid and (factor * grid[0], grid[1])
        q, k, v = random_qkv(1024 * factor, batch=1, heads=1)
        with LargestTensor() as mode:
            attention._window_attention._init_fn(
                q, k, v, *[None] * 5, stated(len(q[0, 0]), bands, grid=taller), None, None
            )
        largest.append(mode.elements)
    assert largest[1] <= 2 * largest[0]


def test_the_operator_keeps_the_rules_of_pytorch():
    q, k, v = random_qkv(9)
    pattern = stated(9, [[-2, 2, 1]], [0])
    arguments = (q, k, v, q[:, :, [0]], k, v, None, torch.zeros(2), pattern, 0.5, None)
    torch.library.opcheck(
        torch.ops.tandem.window_attention.default, arguments, test_utils=("test_schema", "test_faketensor")
    )


def test_heads_of_a_token_lie_side_by_side_on_every_device():
    q = torch.empty(2, 3, 8, 4)
    for device in ("cpu", "meta"):
        out = window_attention(*[q.to(device)] * 3, bands=[[0, 0, 1]])
        assert out.transpose(1, 2).is_contiguous()


def test_pytorch_counts_the_useful_operations():
    q, k, v = (t.to("meta") for t in random_qkv(30, batch=2, heads=3, head_dim=4))
    pairs = int(with_globals(in_bands(30, [[-2, 4, 2]]), [5]).sum())
    with FlopCounterMode(display=False) as counter:
        window_attention(q, k, v, bands=[[-2, 4, 2]], global_tokens=[5])
    assert counter.get_total_flops() == 2 * (2 * 2 * 3 * 4 * pairs)


def test_a_pattern_that_breaks_a_rule_is_refused():
    q, k, v = random_qkv(8)
    with pytest.raises(TraceError, match="low <= high"):
        window_attention(q, k, v, bands=[[2, 1, 1]])
    with pytest.raises(TraceError, match="global_tokens"):
        window_attention(q, k, v, bands=[[-1, 1, 1]], global_tokens=[8])
    with pytest.raises(TraceError, match="bands"):
        window_attention(q, k, v, bands=[[-1, 1]])


def test_shapes_that_do_not_fit_are_refused():
    q, k, v = random_qkv(8)
    with pytest.raises(ConfigError, match="where kv_heads divides heads"):
        window_attention(q, k[:, :, 1:], v, bands=[[-1, 1, 1]])
    with pytest.raises(ConfigError, match="global q must have shape"):
        window_attention(q, k, v, (q, k, v), bands=[[-1, 1, 1]], global_tokens=[0])

"""Patterns of language models from real operands to outputs, against a masked softmax in float64.

The pairs are written out by their definitions here, and owe nothing to the scheduler or to `Pattern.mask`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.numerics import WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import attend
from tandemsim.sim.salo.values.reference import attention
from tandemsim.sim.salo.values.tensors import Tensors, random_tensors
from tandemsim.traces.pattern import Blocks, Chunks, Pattern

WORST = 0.03  # of the roundings alone, 6 fraction bits of input
See = Callable[[int, int], bool]  # (token of the query, key)
LISTED = ((0, 2), (1,), (0, 3, 5), (2, 4))


def clamped(place: int, side: int, window: int) -> range:
    start = min(max(place - window // 2, 0), side - window)
    return range(start, start + window)


class Case(NamedTuple):
    pattern: Pattern
    sees: See


CASES = {
    "causal window": Case(Pattern.causal_window(70, 20), lambda t, j: t - 20 < j <= t),
    "full causal": Case(Pattern.causal_window(50, 50), lambda t, j: j <= t),
    "sinks": Case(Pattern.causal_window(70, 12, sinks=3), lambda t, j: j <= t and (t - j < 12 or j < 3)),
    "prefill": Case(Pattern.causal_window(90, 32, q_len=30, q_offset=60), lambda t, j: t - 32 < j <= t),
    "decode": Case(Pattern.causal_window(64, 40, q_len=1, q_offset=63), lambda t, j: t - 40 < j <= t),
    "chunked": Case(Pattern.chunked(60, 16), lambda t, j: j <= t and j // 16 == t // 16),
    "chunks before": Case(
        Pattern(seq_len=60, bands=((-59, 59, 1),), chunks=Chunks(8, 1, 0, 3), causal=True),
        lambda t, j: j <= t and 0 <= (t + 3) // 8 - (j + 3) // 8 <= 1,
    ),
    "prefix": Case(
        Pattern(seq_len=60, bands=((-59, 0, 1),), sink_tokens=tuple(range(21))),
        lambda t, j: j <= t or j < 21,
    ),
    "clamped": Case(
        Pattern(seq_len=40, bands=((-6, 6, 2),), clamped=True),
        lambda t, j: (j - t) % 2 == 0 and j // 2 in clamped(t // 2, 20, 7),
    ),
    "neighborhood": Case(
        Pattern.neighborhood(7, 8, 5),
        lambda t, j: j // 8 in clamped(t // 8, 7, 5) and j % 8 in clamped(t % 8, 8, 5),
    ),
    "blocks": Case(Pattern.block_sparse(48, 12, 8, LISTED), lambda t, j: j // 8 in LISTED[t // 12]),
    "causal blocks": Case(
        Pattern(seq_len=48, causal=True, blocks=Blocks(12, 8, ((0, 1, 2), (1, 2), (0, 3, 4), (2, 4, 5)))),
        lambda t, j: j <= t and j // 8 in ((0, 1, 2), (1, 2), (0, 3, 4), (2, 4, 5))[t // 12],
    ),
    "causal globals": Case(
        Pattern(seq_len=50, bands=((-7, 0, 1),), causal=True, global_tokens=(3, 20, 21)),
        lambda t, j: j <= t and (t - j < 8 or t in (3, 20, 21) or j in (3, 20, 21)),
    ),
}
ARRAYS = {
    "square": SaloArray(rows=8, cols=8),
    "segments": SaloArray(rows=8, cols=16, column_segments=2, global_rows=2, global_cols=2),
    "no global PEs": SaloArray(rows=5, cols=6, global_rows=0, global_cols=0),
}


def softmax_attention(case: Case, tensors: Tensors, scale: float) -> np.ndarray:
    pattern = case.pattern
    tokens = np.arange(pattern.q_len) + pattern.q_offset
    mask = np.array([[case.sees(t, j) for j in range(pattern.seq_len)] for t in tokens.tolist()])
    out = np.zeros((tensors.heads, pattern.q_len, tensors.v_dim))
    for head in range(tensors.heads):
        shared = head // tensors.group
        scores = np.float64(tensors.query[head]) @ tensors.key[shared].T * scale
        powers = np.where(mask, np.exp(scores), 0)
        total = powers.sum(axis=1, keepdims=True)
        if tensors.sinks is not None:
            total = total + np.exp(tensors.sinks[head])
        out[head] = powers @ tensors.value[shared] / total
    return out


@pytest.mark.parametrize("name", CASES)
def test_a_pattern_gives_its_attention_on_every_array(name: str) -> None:
    """A pair too many, too few, or twice moves some output by more than all roundings together."""
    pattern = CASES[name].pattern
    sizes = {"kv_heads": 1, "q_len": pattern.q_len, "v_dim": 12, "sinks": name != "decode"}
    tensors = random_tensors(2, pattern.seq_len, 16, seed=6, **sizes)
    expected = softmax_attention(CASES[name], tensors, 1 / 4)
    np.testing.assert_allclose(attention(pattern, tensors), expected, atol=1e-12)
    for shape in ARRAYS.values():
        for normalisation in Normalisation:
            array = replace(shape, head_dim=16, normalisation=normalisation, sinks=True, value_dims=True)
            config = replace(SALO, array=array, numerics=WIDE)
            plan = schedule(pattern, array, config.scheduling)
            found, saturations = attend(plan, pattern.global_tokens, tensors, config)
            assert not any(saturations.values())
            assert float(np.abs(found - expected).max()) <= WORST, (array, normalisation)


def test_a_scale_of_its_own_replaces_that_of_the_head() -> None:
    case = CASES["causal window"]
    tensors = random_tensors(1, 70, 16, seed=7, scale=0.4)
    expected = softmax_attention(case, tensors, 0.4)
    assert np.abs(expected - softmax_attention(case, tensors, 1 / math.sqrt(16))).max() > 0.1
    np.testing.assert_allclose(attention(case.pattern, tensors), expected, atol=1e-12)
    config = replace(SALO, array=replace(ARRAYS["square"], head_dim=16), numerics=WIDE)
    plan = schedule(case.pattern, config.array, config.scheduling)
    found, _ = attend(plan, (), tensors, config)
    assert float(np.abs(found - expected).max()) <= WORST


@pytest.mark.parametrize("head_dim", [128, 256])
def test_heads_of_language_models_lose_no_more_than_shorter_ones(head_dim: int) -> None:
    case = CASES["causal window"]
    array = SaloArray(rows=8, cols=8, head_dim=head_dim, normalisation=Normalisation.DEFERRED)
    config = replace(SALO, array=array, numerics=WIDE)
    tensors = random_tensors(2, 70, head_dim, seed=8, kv_heads=1)
    plan = schedule(case.pattern, array, config.scheduling)
    found, _ = attend(plan, (), tensors, config)
    assert np.abs(found - softmax_attention(case, tensors, 1 / math.sqrt(head_dim))).mean() <= 0.001 * 4

"""Every kind of pattern on arrays of several shapes, from real operands to outputs: against float64 softmax
over the pairs of the pattern, taken one by one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import attend
from tandemsim.sim.salo.values.tensors import Tensors, random_tensors
from tandemsim.traces.pattern import Band, Pattern

HEAD_DIM = 16
WORST = 0.025  # of the roundings alone, 6 fraction bits of input, fewest keys
PATTERNS = {
    "sliding": Pattern.sliding(90, 24),
    "keys to the left alone": Pattern(seq_len=70, bands=(Band(-20, -3, 1),)),
    "longformer": Pattern.longformer(100, 32),
    "globals in disorder": Pattern.longformer(90, 16, (70, 3, 41, 42, 0)),
    "globals alone": Pattern(seq_len=60, global_tokens=(17, 30)),
    "dilated": Pattern.dilated(96, 9, 4),
    "two dilations": Pattern(seq_len=80, bands=(Band(-6, 6, 1), Band(-40, 40, 5)), global_tokens=(33,)),
    "vil": Pattern.vil(9, 8, 5, outside=2),
    "vil without globals": Pattern.vil(7, 10, 7, outside=0),
    "star": Pattern.star(50),
    "strided sparse": Pattern.strided_sparse(72, 8, 8),
    "bigbird": Pattern.bigbird(80, 20, 3),
    "dense": Pattern.dense(60),
}
ARRAYS = {
    "square": SaloArray(rows=8, cols=8),
    "segments": SaloArray(rows=8, cols=16, column_segments=2, global_rows=2, global_cols=2),
    "flat": SaloArray(rows=4, cols=12, column_segments=2),
    "tall": SaloArray(rows=12, cols=5, global_cols=2),
    "no global PEs": SaloArray(rows=8, cols=6, global_rows=0, global_cols=0),
}


def attended(pattern: Pattern, query: int, key: int) -> bool:
    if query in pattern.global_tokens or key in pattern.global_tokens:
        return True
    if pattern.grid and pattern.window_2d:
        width = pattern.grid[1]
        (y, x), (v, u) = divmod(query - pattern.outside, width), divmod(key - pattern.outside, width)
        (low_y, high_y), (low_x, high_x) = pattern.window_2d
        return low_y <= v - y <= high_y and low_x <= u - x <= high_x
    return any(key - query in range(low, high + 1, step) for low, high, step in pattern.bands)


def softmax_attention(pattern: Pattern, tensors: Tensors) -> np.ndarray:
    out = np.zeros(tensors.query.shape)
    for head in range(tensors.heads):
        for query in range(pattern.seq_len):
            q, k, v = tensors.query[head, query], tensors.key[head], tensors.value[head]
            if tensors.global_query is not None and query in pattern.global_tokens:
                q = tensors.global_query[head, pattern.global_tokens.index(query)]
                k, v = tensors.global_key[head], tensors.global_value[head]
            keys = [key for key in range(pattern.seq_len) if attended(pattern, query, key)]
            if keys:
                powers = np.exp(np.float64(k[keys]) @ q / math.sqrt(tensors.head_dim))
                out[head, query] = powers @ v[keys] / powers.sum()
    return out


def worst_error(pattern: Pattern, tensors: Tensors, config: SaloConfig, expected: np.ndarray) -> float:
    apart = tensors.global_query is not None
    plan = schedule(pattern, config.array, config.scheduling, global_projections=apart)
    found, saturations = attend(plan, pattern.global_tokens, tensors, config)
    assert not any(saturations.values())
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("name", PATTERNS)
def test_a_scheduled_pattern_gives_its_attention_on_every_array(name: str) -> None:
    """A pair too many, too few, or twice moves some output by more than all roundings together."""
    pattern = PATTERNS[name]
    tensors = random_tensors(2, pattern.seq_len, HEAD_DIM, seed=6)
    expected = softmax_attention(pattern, tensors)
    for shape in ARRAYS.values():
        for normalisation in Normalisation:
            array = replace(shape, head_dim=HEAD_DIM, normalisation=normalisation)
            config = replace(SALO, array=array, numerics=WIDE)
            assert worst_error(pattern, tensors, config, expected) <= WORST, (array, normalisation)


@pytest.mark.parametrize("projections", [GlobalProjections.PRIVATE, GlobalProjections.SEPARATE])
@pytest.mark.parametrize("name", [name for name, pattern in PATTERNS.items() if pattern.global_tokens])
def test_global_queries_meet_the_keys_of_their_own_projections(
    name: str, projections: GlobalProjections
) -> None:
    pattern = PATTERNS[name]
    tensors = random_tensors(2, pattern.seq_len, HEAD_DIM, seed=7, global_tokens=len(pattern.global_tokens))
    expected = softmax_attention(pattern, tensors)
    for shape in ARRAYS.values():
        for normalisation in Normalisation:
            array = replace(
                shape, head_dim=HEAD_DIM, normalisation=normalisation, global_projections=projections
            )
            config = replace(SALO, array=array, numerics=WIDE)
            assert worst_error(pattern, tensors, config, expected) <= WORST, (array, normalisation)


def test_shared_projections_give_global_queries_the_local_keys() -> None:
    """And the local query: another function than the model's, for timing alone."""
    pattern, array = PATTERNS["longformer"], replace(ARRAYS["square"], head_dim=HEAD_DIM)
    tensors = random_tensors(1, pattern.seq_len, HEAD_DIM, seed=8, global_tokens=1)
    config = replace(SALO, array=array, numerics=WIDE)
    plan = schedule(pattern, array, global_projections=True)
    found, _ = attend(plan, pattern.global_tokens, tensors, config)
    local = Tensors(tensors.query, tensors.key, tensors.value)
    np.testing.assert_allclose(found, softmax_attention(pattern, local), atol=WORST)

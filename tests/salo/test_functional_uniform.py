"""Uniform attention to large values: what overflows naive widths, and what a biased rounding shows first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation, SaloNumerics
from tandemsim.sim.salo.array import HeadResult, PEArray
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Band, Pattern

HEAD_DIM = 4
BOTH = pytest.mark.parametrize("normalisation", list(Normalisation))
# 15 does not fit an element of 8 bits: the published formats then need wider storage.
FORMATS = {name: replace(numerics, storage_width=16) for name, numerics in NUMERICS.items()}
PRESETS = pytest.mark.parametrize("numerics", FORMATS.values(), ids=FORMATS)


def run(config: Any, plan: Any, scores: float, value: float) -> HeadResult:
    """Attention with queries and keys of N(0, scores^2), and one value for all."""
    stored, shape = config.numerics.stored, (plan.seq_len, HEAD_DIM)
    rng = np.random.default_rng(4)
    query, key = (stored.quantize(rng.standard_normal(shape) * scores)[0] for _ in range(2))
    values, clipped = stored.quantize(np.full(shape, value))
    assert clipped == 0
    return PEArray(config).run(plan, projection(query, key, values))


def assert_constant(result: HeadResult, numerics: SaloNumerics, value: float, tolerance: float) -> None:
    assert not any(result.saturations.values())
    found = numerics.output.dequantize(result.output)
    np.testing.assert_allclose(found, value, rtol=0, atol=tolerance)


def array_of(normalisation: Normalisation) -> SaloArray:
    return SaloArray(normalisation=normalisation, head_dim=HEAD_DIM)


@PRESETS
@pytest.mark.parametrize("value", [3.0, 15.0, -15.0, -16.0])
@pytest.mark.parametrize("scores", [0.0, 1.0])
def test_a_constant_value_comes_out_deferred(
    scores: float, value: float, numerics: SaloNumerics, machine: Any, window_schedule: Any
) -> None:
    """Numerator and denominator add the same weights, so that only roundings are left."""
    array = array_of(Normalisation.DEFERRED)
    plan = window_schedule(array, 600, -256, 256, 0)
    result = run(machine(array, numerics), plan, scores, value)
    assert_constant(result, numerics, value, 1 / numerics.output.scale)


@PRESETS
@pytest.mark.parametrize("value", [3.0, 15.0, -16.0])
def test_a_constant_value_comes_out_per_pass_but_for_the_probabilities(
    value: float, numerics: SaloNumerics, machine: Any, window_schedule: Any
) -> None:
    """The roundings of 33 probabilities do not cancel: each is up to half a unit of the weight."""
    array = array_of(Normalisation.PER_PASS)
    plan = window_schedule(array, 600, -256, 256, 0)
    result = run(machine(array, numerics), plan, 0.0, value)
    tolerance = abs(value) * 33 / 2 / numerics.weight.scale + 1 / numerics.output.scale
    assert_constant(result, numerics, value, tolerance)


@BOTH
@PRESETS
@pytest.mark.parametrize("keys", [4096, 16384])
def test_a_global_row_over_the_whole_sequence_holds_its_sum(
    keys: int, numerics: SaloNumerics, normalisation: Normalisation, machine: Any, window_schedule: Any
) -> None:
    """32 keys a pass with equal weights: 1/32 is a probability of every format, so nothing is rounded."""
    array = array_of(normalisation)
    plan = window_schedule(array, keys, -31, 0, 5)
    plan.block_rows[:] = -1  # the global row alone
    result = run(machine(array, numerics), plan, 0.0, 15.0)
    found = numerics.output.dequantize(result.output[5])
    assert not any(result.saturations.values())
    np.testing.assert_allclose(found, 15.0, rtol=0, atol=1 / numerics.output.scale)


@PRESETS
@pytest.mark.parametrize("keys", [4096, 16384])
@pytest.mark.parametrize("value", [15.0, -16.0])
def test_a_constant_value_comes_out_of_rows_of_any_length_deferred(
    value: float, keys: int, numerics: SaloNumerics, machine: Any
) -> None:
    """Token 5 has the global row, token 9 a local one; both see scores of N(0, 1) over the whole sequence."""
    config = machine(array_of(Normalisation.DEFERRED), numerics)
    pattern = Pattern(seq_len=keys, bands=(Band(-3, 0, 1),), global_tokens=(5, 9))
    plan = schedule(pattern, config.array)
    assert (plan.row_query == 5).any() and (plan.block_rows == 9).any()
    result = run(config, plan, 1.0, value)
    assert_constant(result._replace(output=result.output[[5, 9]]), numerics, value, 1 / numerics.output.scale)


@PRESETS
@BOTH
@pytest.mark.parametrize("keys", [4096, 16384])
def test_a_long_row_does_not_lose_small_values(
    keys: int, normalisation: Normalisation, numerics: SaloNumerics, machine: Any, window_schedule: Any
) -> None:
    """With weights of 1/128 and less, an update below half a unit of the merge buffer would be lost: 0.006
    and 0.011 with 8 fraction bits.
    """
    array = array_of(normalisation)
    plan = window_schedule(array, keys, -31, 0, 5)
    plan.block_rows[:] = -1
    rng = np.random.default_rng(1)
    stored = numerics.stored
    zeros = np.zeros((keys, HEAD_DIM), int)
    values = stored.quantize(rng.standard_normal((keys, HEAD_DIM)) + 0.25)[0]
    result = PEArray(machine(array, numerics)).run(plan, projection(zeros, zeros, values))
    found = numerics.output.dequantize(result.output[5])
    np.testing.assert_allclose(found, stored.dequantize(values).mean(axis=0), rtol=0, atol=0.006)

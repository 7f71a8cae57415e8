"""The units against the facts that circuits share, and the ways in which the published units failed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.formats import shift_half_even as even_fact
from tandemsim.sim.arch.formats import shift_half_up as up_fact
from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.constants import array_constants
from tandemsim.sim.arch.salo.numerics import NUMERICS, PUBLISHED, WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.engine.fixed import shift_half_even, shift_half_up
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.exp import ExpUnit, ExpUnitInputs
from tandemsim.sim.salo.pe import PE, PEInputs, PEOutputs, add_product
from tandemsim.sim.salo.reciprocal import ReciprocalUnit, ReciprocalUnitInputs
from tandemsim.sim.salo.registers import EXPONENT, SATURATIONS, no_saturations
from tandemsim.sim.salo.row import projection

BOTH = pytest.mark.parametrize("normalisation", list(Normalisation))


@given(st.integers(-(2**30), 2**30), st.integers(-3, 40))
def test_kernels_round_as_the_formats_say(value: int, shift: int) -> None:
    assert shift_half_up(value, shift) == up_fact(value, shift)
    assert shift_half_even(value, shift) == even_fact(value, shift)


def test_a_far_shift_leaves_nothing() -> None:
    assert [shift_half_up(value, 200) for value in (-(2**40), -1, 0, 2**40)] == [0, 0, 0, 0]


def test_exponential_reads_the_score_in_eighths_of_log2_units() -> None:
    unit = ExpUnit(SALO)
    for score in range(-4096 * 8, 4096 * 8, 509):  # 8 fraction bits, and 3 more for sqrt(64)
        exponent, mantissa = unit(ExpUnitInputs(score))
        assert exponent == score >> 11
        assert mantissa == SALO.numerics.exp.mantissa((score >> 3) & 255)
    assert unit.saturations.sum() == 0


def test_scores_beyond_the_exponent_take_its_bound_and_are_counted() -> None:
    unit = ExpUnit(SALO)
    highest, lowest = (16 << 11) - 1, -16 << 11
    assert unit(ExpUnitInputs(highest + 1)) == unit(ExpUnitInputs(highest)) == (15, 503)
    assert unit(ExpUnitInputs(lowest - 1)) == unit(ExpUnitInputs(lowest)) == (-16, 255)
    assert unit.saturations.tolist() == [2 * (which == EXPONENT) for which in range(len(SATURATIONS))]


def test_reciprocal_unit_is_the_shared_table() -> None:
    unit, config = ReciprocalUnit(SALO), SALO.numerics.reciprocal
    whole_segments = range(5 * 2**16, 5 * 2**16 + 2 * 2048)
    for value in [*range(3000), *whole_segments, *range(2**18, 2**22, 7919), 2**22 - 1]:
        assert unit(ReciprocalUnitInputs(value)) == config.reciprocal(value)


@pytest.mark.parametrize(("psum", "weight", "sign"), [(2**23 - 1, 1, 1), (-(2**23), 255, -1)])
def test_a_partial_sum_stops_at_the_bound_of_its_format(psum: int, weight: int, sign: int) -> None:
    constants = array_constants(PUBLISHED, Normalisation.DEFERRED, 64)
    counters = no_saturations()
    assert add_product(psum, 0, weight, sign * 255, constants, counters) == psum
    assert add_product(psum, 0, weight, -sign * 255, constants, counters) == psum - sign * 255 * weight
    assert dict(zip(SATURATIONS, counters, strict=True))["psum"] == 1 == counters.sum()


def inputs(stage: Stage, query: int = 0, kv: int = 0, inverse: tuple[int, int] = (0, 0)) -> PEInputs:
    return PEInputs(stage, query, True, 0, 0, 0, -16, kv, True, 0, 0, True, *inverse)


def one_pass(pe: PE, query: list[int], key: list[int]) -> PEOutputs:
    for q, k in zip(query, key, strict=True):
        pe(inputs(Stage.SCORE, q, k))
    pe(inputs(Stage.EXP))
    return pe(inputs(Stage.ROW_SUM))


def test_a_flushed_pe_begins_anew() -> None:
    """The artifact's PE has no flush: its second tile starts from the first one's mantissa."""
    used, fresh = PE(SALO), PE(SALO)
    one_pass(used, [100, -30], [50, 7])
    used(inputs(Stage.FLUSH))
    second = [12, 5], [-9, 80]
    assert one_pass(used, *second) == one_pass(fresh, *second)
    assert one_pass(used, *second) != one_pass(PE(SALO), *second), "this time nobody flushed"


def test_a_pe_without_neighbors_to_its_left_adds_its_own_exponential() -> None:
    """The artifact loses that of the leftmost PE."""
    pe = PE(SALO)
    shown = one_pass(pe, [16, 0], [16, 0])  # a score of 1.0, so 2^(1/8)
    assert (shown.row_max_out, pe.mantissa) == (0, SALO.numerics.exp.mantissa(32))
    assert shown.row_sum_out == pe.weight << 4  # weight 7 fraction bits, sum 11
    assert pe.weight == (pe.mantissa + 1) >> 1


def test_a_probability_is_not_lost_in_the_reciprocal() -> None:
    """The artifact's probabilities are 0 for every row sum of 17/256 and more."""
    pe, reciprocal = PE(SALO_DAC22), ReciprocalUnit(SALO_DAC22)
    shown = one_pass(pe, [0, 0], [0, 0])
    mantissa, exponent = reciprocal(ReciprocalUnitInputs(32 * shown.row_sum_out))  # 32 equal keys
    pe(inputs(Stage.NORMALISE, inverse=(mantissa, exponent + shown.row_max_out)))
    assert pe.weight == 128 // 32


def config_of(machine: Any, normalisation: Normalisation, name: str) -> SaloConfig:
    made: SaloConfig = machine(
        SaloArray(rows=2, cols=4, head_dim=8, normalisation=normalisation), NUMERICS[name]
    )
    return made


@BOTH
@pytest.mark.parametrize("name", NUMERICS)
@pytest.mark.parametrize("column", range(4))
def test_the_only_key_of_a_query_gives_its_value(
    column: int, name: str, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    config = config_of(machine, normalisation, name)
    schedule = blank_schedule(config.array, np.zeros(1, int), np.array([[0, -1]]), 8)
    schedule.slots.keys[0, 0] = [3, 4, 5, 6, 7]
    schedule.slots.local_valid[:] = True
    schedule.slots.col_mask[0, column] = True
    rng = np.random.default_rng(column)
    raw = [config.numerics.stored.quantize(rng.standard_normal((8, 8)) * 2)[0] for _ in range(3)]
    out = PEArray(config).run(schedule, projection(*raw)).output
    expected = config.numerics.stored.dequantize(raw[2][3 + 3 - column])
    np.testing.assert_allclose(config.numerics.output.dequantize(out[0]), expected, atol=1e-9)
    assert not out[1:].any(), "no other token has a query"


@BOTH
def test_a_score_out_of_range_keeps_its_sign(
    normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    """Wrapped, the higher score would become the lower."""
    config = config_of(machine, normalisation, "published")
    schedule = blank_schedule(config.array, np.zeros(1, int), np.array([[0, -1]]), 8)
    schedule.slots.keys[0, 0] = [3, 4, -1, -1, -1]
    schedule.slots.local_valid[0, 0, :2] = True
    schedule.slots.col_mask[:] = True
    query, key, value = np.zeros((3, 8, 8), int)
    query[0], key[3], key[4] = 100, 100, -100  # +-312.5 in the score, +-78 in log2 units
    value[3], value[4] = 16, -16
    found = PEArray(config).run(schedule, projection(query, key, value))
    np.testing.assert_array_equal(found.output[0], 256)
    assert found.saturations["exponent"] == 2


@BOTH
def test_a_query_without_keys_gives_zero(
    normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    config = config_of(machine, normalisation, "wide")
    schedule = blank_schedule(config.array, np.zeros(2, int), np.array([[0, 1]]), 8)
    schedule.slots.keys[:, 0] = 2
    schedule.slots.local_valid[:] = True
    schedule.slots.col_mask[0, 0] = True
    schedule.slots.row_tag[:, 0, 1] = 1
    ones = np.full((8, 8), 64)
    found = PEArray(config).run(schedule, projection(ones, ones, ones))
    assert (found.output[0] == 1024).all()
    assert not found.output[1].any()


@BOTH
@pytest.mark.parametrize("numerics", [PUBLISHED, WIDE], ids=["published", "wide"])
def test_a_spilled_and_restored_row_never_stopped(
    numerics: Any, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    config = machine(SaloArray(rows=2, cols=4, head_dim=8, normalisation=normalisation), numerics)
    rng = np.random.default_rng(3)
    keys = rng.integers(0, 8, (4, 1, 5))
    straight = blank_schedule(config.array, np.zeros(4, int), np.array([[0, 1]]), 8)
    stopped = blank_schedule(config.array, np.array([0, 0, 1, 2, 2]), np.array([[0, 1], [2, 3], [1, 0]]), 8)
    # The queries change rows on the way, as they do between two dilations.
    for schedule in (straight, stopped):
        schedule.slots.local_valid[:] = schedule.slots.col_mask[:] = True
    straight.slots.keys[:] = keys
    stopped.slots.keys[[0, 1, 3, 4]] = keys
    stopped.slots.keys[2] = 0
    for schedule, tiles in ((straight, [2, 3]), (stopped, [3, 4])):
        for tile in tiles:  # one key in all slots: whichever row, the query sees the same
            schedule.slots.keys[tile, 0] = schedule.slots.keys[tile, 0, 0]
    stopped.spill[0] = stopped.restore[2] = True
    raw = [numerics.stored.quantize(rng.standard_normal((8, 8)))[0] for _ in range(3)]
    expected, found = (PEArray(config).run(s, projection(*raw)).output for s in (straight, stopped))
    np.testing.assert_array_equal(found[:2], expected[:2])
    assert found[2:4].any()

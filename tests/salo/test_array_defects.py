"""What is wrong in the published circuit, simulated from its Verilog, and must not come back.

Its reciprocal answers 0 for row sums of 17/256 and more; so all its probabilities and outputs are 0; the
leftmost PE of a row loses its exponential; nothing is cleared between tiles; merge weights have no fraction
bits; nothing masks a PE; and in the second version a partial sum takes up the weight without its value.
`tests/salo/test_array_units.py` has those that show in a single PE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, PUBLISHED, Normalisation
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.reciprocal import ReciprocalUnit, ReciprocalUnitInputs
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.weighted_sum import GlobalWeightedSum, WeightedSum, WeightedSumInputs

HEAD_DIM = 4
BOTH = pytest.mark.parametrize("normalisation", list(Normalisation))
PRESETS = pytest.mark.parametrize("name", NUMERICS)
UNITS = pytest.mark.parametrize("kind", [WeightedSum, GlobalWeightedSum])
Pass = tuple[int, int, list[int]]  # exponent, row sum and partial sums that leave a row
A: Pass = (1, 3 << 11, [800, -3, 77, 5000])
B: Pass = (3, 5 << 10, [-9, 410, 6, -2222])
C: Pass = (-2, 9 << 11, [1234, 99, -4096, 7])


def config_of(machine: Any, name: str, normalisation: Normalisation, cols: int = 4) -> SaloConfig:
    array = SaloArray(rows=2, cols=cols, head_dim=HEAD_DIM, normalisation=normalisation)
    made: SaloConfig = machine(array, NUMERICS[name])
    return made


def merged(unit: WeightedSum, part: Pass, *, first: bool, restored: Any = None) -> tuple[list[int], Any]:
    """Send one pass into a unit; return the outputs, and the state as it would be spilled."""
    row_max, row_sum, psum = part
    old = restored or (0, 0, [0] * HEAD_DIM)
    flags = first, restored is not None, old[0], old[1]
    shown = [unit(WeightedSumInputs(Stage.ROW_SUM, row_max, row_sum, 0, *flags, 0))]
    for n in range(HEAD_DIM):
        inputs = WeightedSumInputs(Stage.WEIGHTED_SUM, 0, 0, psum[n], False, False, 0, 0, old[2][n])
        shown.append(unit(inputs))
    idle = WeightedSumInputs(Stage.IDLE, 0, 0, 0, False, False, 0, 0, 0)
    shown += [unit(idle), unit(idle)]
    state = shown[-1].merged_max, shown[-1].merged_sum, [s.merged for s in shown if s.merged_valid]
    return [s.output for s in shown if s.output_valid], state


@PRESETS
def test_a_reciprocal_is_right_for_every_row_sum_of_a_pass(name: str, machine: Any) -> None:
    """From the lowest weight of one key to 33 keys of weight 2."""
    config = config_of(machine, name, Normalisation.PER_PASS)
    unit, one = ReciprocalUnit(config), config.numerics.row_sum.scale
    for value in [*range(1, one), *range(one, 66 * one, 37)]:
        mantissa, exponent = unit(ReciprocalUnitInputs(value))
        found = mantissa / 2 ** (config.numerics.reciprocal.fraction + exponent)
        assert found == pytest.approx(1 / value, rel=3e-5)


@BOTH
@PRESETS
@pytest.mark.parametrize("keys", [1, 2, 3, 17, 31, 32])
def test_equal_keys_give_the_mean_of_their_values(
    keys: int, name: str, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    """No key of a row is lost, the leftmost neither, and none counts without its value."""
    config = config_of(machine, name, normalisation, cols=32)
    schedule = blank_schedule(config.array, np.zeros(1, int), np.array([[0, -1]]), 40)
    schedule.slots.keys[0, 0] = np.arange(33)
    schedule.slots.local_valid[:] = True
    schedule.slots.col_mask[0, :keys] = True  # row 0 meets keys 31, 30, ... from the left
    values = np.random.default_rng(keys).integers(-100, 100, (40, HEAD_DIM))
    zeros = np.zeros_like(values)
    out = PEArray(config).run(schedule, projection(zeros, zeros, values)).output[0]
    expected = values[32 - keys : 32].mean(axis=0) / config.numerics.input.scale
    weight = keys / 2 / config.numerics.weight.scale * (normalisation is Normalisation.PER_PASS)
    tolerance = weight * np.abs(values).max() / config.numerics.input.scale + 1 / config.numerics.output.scale
    np.testing.assert_allclose(config.numerics.output.dequantize(out), expected, rtol=0, atol=tolerance)


@UNITS
@BOTH
@PRESETS
def test_passes_are_weighted_by_their_row_sums(
    kind: type[WeightedSum], name: str, normalisation: Normalisation, machine: Any
) -> None:
    """3/4 and 1/4 without fraction bits would both be 0. Exponents count: a sum of 6 at 2^0 is 3 at 2^1."""
    config = config_of(machine, name, normalisation)
    one, scale = config.numerics.row_sum.scale, config.numerics.sums(normalisation).psum.scale
    divided = normalisation is Normalisation.PER_PASS
    first = np.array([8, -4, 0, 1]) * scale * (1 if divided else 3)
    second = (np.array([-8, 4, 8, 3]) * scale).tolist()
    unit, aligned = kind(config), kind(config)
    merged(unit, (1, 3 * one, first.tolist()), first=True)
    found, _ = merged(unit, (1, one, second), first=False)
    scaled = np.array(found) / config.numerics.output.scale
    np.testing.assert_allclose(scaled, [4, -2, 2, 1.5], rtol=0, atol=1 / config.numerics.output.scale)
    merged(aligned, (0, 6 * one, (first * (1 if divided else 2)).tolist()), first=True)
    assert merged(aligned, (1, one, second), first=False)[0] == found


@UNITS
@BOTH
def test_a_unit_begins_anew_with_the_first_pass_of_a_block(
    kind: type[WeightedSum], normalisation: Normalisation, machine: Any
) -> None:
    config = config_of(machine, "published", normalisation)
    used, fresh = kind(config), kind(config)
    merged(used, A, first=True)
    merged(used, B, first=False)
    assert merged(used, C, first=True) == merged(fresh, C, first=True)
    assert merged(used, C, first=False) != merged(kind(config), C, first=True), "this time it went on"


@BOTH
def test_a_unit_goes_on_from_a_restored_state_as_if_it_had_never_stopped(
    normalisation: Normalisation, machine: Any
) -> None:
    """Between the two parts it has worked on another row, and other units may do so as well."""
    config = config_of(machine, "published", normalisation)
    straight, stopped, other = WeightedSum(config), WeightedSum(config), WeightedSum(config)
    merged(straight, A, first=True)
    expected = merged(straight, B, first=False)
    _, state = merged(stopped, A, first=True)
    merged(stopped, C, first=True)
    assert merged(stopped, B, first=True, restored=state) == expected
    assert merged(other, B, first=True, restored=state) == expected
    assert merged(other, C, first=False) == merged(straight, C, first=False)


@BOTH
def test_a_tile_does_not_depend_on_the_tiles_before_it(
    normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    """Two blocks on the same rows, each as it comes out alone."""
    config = config_of(machine, "published", normalisation)
    rng = np.random.default_rng(1)
    raw = projection(
        *(PUBLISHED.stored.quantize(rng.standard_normal((12, HEAD_DIM)) * 2)[0] for _ in range(3))
    )

    def outputs(blocks: list[int]) -> np.ndarray:
        rows = np.array([[0, 1], [2, 3]])[blocks]
        schedule = blank_schedule(config.array, np.arange(len(blocks)), rows, 12)
        schedule.slots.keys[:, 0] = np.array([[4, 5, 6, 7, 8], [7, 8, 9, 10, 11]])[blocks]
        schedule.slots.local_valid[:] = schedule.slots.col_mask[:] = True
        return PEArray(config).run(schedule, raw).output

    both = outputs([0, 1])
    np.testing.assert_array_equal(both[:2], outputs([0])[:2])
    np.testing.assert_array_equal(both[2:4], outputs([1])[2:4])
    assert both[:4].any(axis=1).all()


@BOTH
@pytest.mark.parametrize("mask", ["key", "column", "row", "tag"])
def test_a_masked_pe_adds_nothing_to_the_row(
    mask: str, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    """A zero key would add 2^0 to the row sum, and its value to the output."""
    config = config_of(machine, "wide", normalisation)
    schedule = blank_schedule(config.array, np.zeros(1, int), np.array([[0, 1]]), 8)
    slots = schedule.slots
    slots.keys[0, 0] = [3, 4, 5, 6, 7]  # row 0 meets 6, 5, 4, 3 in columns 0..3, row 1 one key further up
    slots.local_valid[:] = slots.col_mask[:] = True
    if mask == "key":
        slots.local_valid[0, 0, 3] = False
    if mask == "column":
        slots.col_mask[0, 0] = False
    if mask == "row":
        schedule.block_rows[0, 0] = -1
    if mask == "tag":
        slots.key_tag[0, 0, 3] = 1
    values = np.zeros((8, HEAD_DIM), int)
    values[6] = 64 * 4
    zeros = np.zeros_like(values)
    found = PEArray(config).run(schedule, projection(zeros, zeros, values)).output[:2, 0] / 1024
    quarter, none = 1.0, 0.0  # a mean over four keys of which one is 4.0
    expected = {"key": (none, none), "column": (none, 4 / 3), "row": (none, quarter), "tag": (none, none)}
    np.testing.assert_allclose(found, expected[mask], atol=0.002)

"""Energy and area of the SALO array: what its work costs, action by action.

Obeys: the PE's registers as in SALO's artifact (PE.scala: q, kv, sum, sum_exp, stage, acc, prob, max_exp), in
the widths of `sim.arch.salo.numerics`. Energies per action come from `sim.arch.energy`. `array_power_w` is
checked against the published synthesis, 532.66 mW and 4.56 mm2 at **500 MHz** (artifact's README).

The published circuit gates no clock, so every register bit is charged every cycle, stalled or not. A PE that
takes no part in a pass spends its registers, not its multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.dram.energy import DramEnergy, DramTraffic
from tandemsim.sim.arch.energy import (
    PJ_PER_J,
    EnergyConfig,
    SramTraffic,
    add_pj,
    adder_leakage_w,
    divide_pj,
    gates_pj,
    multiplier_leakage_w,
    multiply_pj,
    register_pj,
    shift_pj,
    sram_pj,
)
from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.gates import array_mm2, unit_gates
from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation, SaloNumerics

PUBLISHED_POWER_W = 0.53266  # artifact's README: array alone, no scratchpads, FreePDK45
PUBLISHED_AREA_MM2 = 4.56  # the same synthesis
PUBLISHED_SYNTHESIS_HZ = 500_000_000  # the clock of both; the artifact's performance script assumes 1 GHz
STAGE_BITS = 3  # artifact: the stage code travels with the query


class SaloWork(NamedTuple):
    """What the array did, in the words of the machine; `salo_actions` breaks it down."""

    cycles: int  # of the clock, stalled ones too
    passes: int
    head_dim: int
    v_dim: int  # elements of a value and of an output
    pairs: int  # (query, key) pairs computed, over all heads
    merged_rows: int  # rows that entered a weighted-sum unit, over all passes
    finished_rows: int  # rows that left it, over all heads


class SaloActions(NamedTuple):
    """Counted actions of the array. Each has an energy that depends on widths alone."""

    qk_macs: int
    pv_macs: int
    idle_slots: int  # multiply-accumulate slots of PEs that take no part, QK and PV alike
    exponentials: int
    row_sums: int  # aligned additions along the rows
    normalisations: int  # probabilities multiplied by a reciprocal, per_pass only
    reciprocals: int
    merged: int  # elements added into a merge buffer
    outputs: int  # elements of the result
    cycles: int


def salo_actions(array: SaloArray, work: SaloWork) -> SaloActions:
    """Count the actions of `work`."""
    idle = (array.pes * work.passes - work.pairs) * (work.head_dim + work.v_dim)
    require(idle >= 0, "SaloWork.pairs must fit the PEs of its passes", work.pairs)
    per_pass = array.normalisation is Normalisation.PER_PASS
    return SaloActions(
        qk_macs=work.pairs * work.head_dim,
        pv_macs=work.pairs * work.v_dim,
        idle_slots=idle,
        exponentials=work.pairs,
        row_sums=work.pairs,
        normalisations=work.pairs if per_pass else 0,
        # per_pass: one of the row's sum and one of the merged sum in every pass; deferred: one at the end.
        reciprocals=2 * work.merged_rows if per_pass else work.finished_rows,
        merged=work.merged_rows * work.v_dim,
        outputs=work.finished_rows * work.v_dim,
        cycles=work.cycles,
    )


def sum_actions(parts: Iterable[SaloActions]) -> SaloActions:
    """Add up the actions of several ops; their cycles too, so replace those where ops overlapped."""
    return SaloActions(*(sum(column) for column in zip(SaloActions(*[0] * 10), *parts, strict=True)))


def register_bits(array: SaloArray, numerics: SaloNumerics) -> int:
    """Register bits of the whole array: PEs, and one weighted-sum unit for each local and global row."""
    sums = numerics.sums(array.normalisation)
    exponent = numerics.exp.exponent_width
    running = max(sums.psum.width, numerics.row_sum.width)
    pe = 2 * numerics.input.width + STAGE_BITS + numerics.score.width + numerics.weight.width
    pe += running + 2 * exponent
    if array.normalisation is Normalisation.DEFERRED:
        pe += 2 * exponent  # the two alignment shifts, kept from the row sum to the last value
    # State of a weighted-sum unit: merged sum and its exponent, the sum of old and new, their two weights.
    unit = 2 * numerics.merge_sum.width + numerics.merge_exponent_width + 2 * numerics.merge_weight_fraction
    local = array.rows * (unit + array.head_dim * sums.merge.width)
    return array.pes * pe + local + array.global_rows * (unit + array.head_dim * sums.global_merge.width)


def array_actions_pj(
    energy: EnergyConfig, array: SaloArray, numerics: SaloNumerics, actions: SaloActions
) -> dict[str, float]:
    """Dynamic energy of the array by action. Global rows' merge buffers count as the local rows'."""
    sums = numerics.sums(array.normalisation)
    value, weight, merge = numerics.input.width, numerics.weight.width, sums.merge.width
    deferred = array.normalisation is Normalisation.DEFERRED
    gates = unit_gates(array, numerics)
    align = shift_pj(energy, sums.psum.width) if deferred else 0.0
    if deferred:
        scale = 2 * shift_pj(energy, merge)
        per_output = multiply_pj(energy, merge, numerics.reciprocal.fraction)
    else:
        scale = 2 * multiply_pj(energy, merge, numerics.merge_weight_fraction)
        per_output = 0.0
    per_sum = add_pj(energy, numerics.row_sum.width) + 2 * shift_pj(energy, numerics.row_sum.width)
    per_normalization = multiply_pj(energy, weight, numerics.reciprocal.fraction)
    clocked, written = _register_traffic(array, numerics, actions)
    return {
        "multiply": actions.qk_macs * multiply_pj(energy, value, value)
        + actions.pv_macs * multiply_pj(energy, weight, value),
        "add": actions.qk_macs * add_pj(energy, numerics.score.width)
        + actions.pv_macs * (add_pj(energy, sums.psum.width) + align),
        "exponential": actions.exponentials * gates_pj(energy, gates.exp_unit),
        "row_sum": actions.row_sums * per_sum,
        "normalise": actions.normalisations * per_normalization
        + actions.reciprocals * divide_pj(energy, numerics.row_sum.width)
        + actions.outputs * per_output,
        "merge": actions.merged * (add_pj(energy, merge) + scale),
        "controller": actions.cycles * gates_pj(energy, gates.controller),
        "register_clock": register_pj(energy, clocked, 0),
        "register_write": register_pj(energy, 0, written),
    }


def array_pj(energy: EnergyConfig, array: SaloArray, numerics: SaloNumerics, actions: SaloActions) -> float:
    """Dynamic energy of the array for `actions`."""
    return math.fsum(array_actions_pj(energy, array, numerics, actions).values())


def array_leakage_w(energy: EnergyConfig, array: SaloArray, numerics: SaloNumerics) -> float:
    """Leakage of the array: multipliers, adders, dividers and registers."""
    sums = numerics.sums(array.normalisation)
    operand = max(numerics.weight.width, numerics.input.width)
    pe = multiplier_leakage_w(energy, operand, numerics.input.width)
    pe += adder_leakage_w(energy, sums.psum.width)
    divider = multiplier_leakage_w(energy, numerics.row_sum.width, numerics.row_sum.width)
    merger = multiplier_leakage_w(energy, sums.merge.width, numerics.merge_weight_fraction)
    registers = register_bits(array, numerics) * energy.register_leakage_w_per_bit
    return array.pes * pe + (array.rows + array.global_rows) * (divider + merger) + registers


def array_power_w(energy: EnergyConfig, array: SaloArray, numerics: SaloNumerics, clock_hz: int) -> float:
    """Power of the array, no scratchpads, at `clock_hz` with every PE at work in every cycle."""
    slots = SaloActions(array.pes, array.pes, 0, 0, 0, 0, 0, 0, 0, cycles=2)  # a cycle of QK and one of PV
    per_cycle = array_pj(energy, array, numerics, slots) / slots.cycles
    return per_cycle * clock_hz / PJ_PER_J + array_leakage_w(energy, array, numerics)


def salo_energy(
    energy: EnergyConfig,
    array: SaloArray,
    numerics: SaloNumerics,
    actions: SaloActions,
    scratchpads: Mapping[str, SramTraffic],
    dram: DramTraffic,
    dram_energy: DramEnergy,
    clock_hz: int,
) -> dict[str, float]:
    """Return picojoules by action, named ``part.action``: of the ``array``, each ``scratchpad``, the ``dram``
    (its standby too), and ``static`` (leakage) of the array and of the scratchpads.
    """
    seconds = actions.cycles / clock_hz
    capacity = sum(traffic.capacity_bytes for traffic in scratchpads.values())
    by_array = array_actions_pj(energy, array, numerics, actions)
    by_dram = dram_energy.actions_pj(dram, seconds)
    return {
        **{f"array.{name}": pj for name, pj in by_array.items()},
        **{f"scratchpad.{name}": sram_pj(energy, traffic) for name, traffic in scratchpads.items()},
        **{f"dram.{name}": pj for name, pj in by_dram.items()},
        "static.array": array_leakage_w(energy, array, numerics) * seconds * PJ_PER_J,
        "static.scratchpad": capacity * energy.sram_leakage_w_per_byte * seconds * PJ_PER_J,
    }


def area_mm2(array: SaloArray, numerics: SaloNumerics) -> float | None:
    """Area, scratchpads not included: published for the published circuit, else estimated from our gates.

    The two are not of one kind: see `array_mm2`, and docs/synthesis.md. None where nothing was measured.
    """
    return PUBLISHED_AREA_MM2 if is_published(array, numerics) else array_mm2(array, numerics)


def is_published(array: SaloArray, numerics: SaloNumerics) -> bool:
    """Whether this is the circuit whose synthesis was published."""
    return array == SaloArray() and numerics == PUBLISHED


def _register_traffic(array: SaloArray, numerics: SaloNumerics, actions: SaloActions) -> tuple[int, int]:
    """Bits times cycles that are clocked, and bits that are written.

    In QK the query and the key move through every PE, and the score is written where a PE takes part; in PV
    the value and the partial sum move. Idle slots are half of each.
    """
    sums = numerics.sums(array.normalisation)
    moved_qk, moved_pv = 2 * numerics.input.width, numerics.input.width + sums.psum.width
    written = actions.qk_macs * (moved_qk + numerics.score.width) + actions.pv_macs * moved_pv
    written += actions.idle_slots // 2 * (moved_qk + moved_pv)
    written += actions.exponentials * numerics.score.width + actions.row_sums * numerics.row_sum.width
    written += actions.normalisations * numerics.weight.width + actions.merged * sums.merge.width
    return register_bits(array, numerics) * actions.cycles, written

"""Energy of the ANT machine, action by action: estimates until the gates of its circuit are counted.

Energies per action come from `sim.arch.energy`. A PE multiplies two bases of 5 bits, shifts and adds; it
holds two weights, an activation and a partial sum. Decoders are not charged: there are rows + cols of them
beside rows x cols PEs. No clock is gated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import BASE_BITS, NIBBLE
from tandemsim.sim.arch.dram.energy import DramEnergy, DramTraffic
from tandemsim.sim.arch.energy import (
    PJ_PER_J,
    EnergyConfig,
    SramTraffic,
    add_pj,
    adder_leakage_w,
    multiplier_leakage_w,
    multiply_pj,
    register_pj,
    shift_pj,
    sram_pj,
)

SHIFT_BITS = 3  # of an operand of class A
VECTOR_WIDTH = 16  # bits of a lane of the vector unit; assumed


class AntWork(NamedTuple):
    """What array and vector unit did."""

    cycles: int  # of the clock, of the whole run
    multiplies: int  # of PEs: an 8-bit product is four of 4 bits
    sums: int  # partial sums that entered the accumulators at the foot
    vector_elements: int  # elements times passes


def ant_energy(
    energy: EnergyConfig,
    array: AntArray,
    work: AntWork,
    scratchpads: Mapping[str, SramTraffic],
    dram: DramTraffic,
    dram_energy: DramEnergy,
    clock_hz: int,
) -> dict[str, float]:
    """Return picojoules by action, named ``part.action``."""
    seconds = work.cycles / clock_hz
    operand = BASE_BITS if array.pe_bits == NIBBLE else array.pe_bits
    shift = SHIFT_BITS if array.pe_bits == NIBBLE else 0
    registers = 3 * (operand + shift) + array.accumulator_width
    written = work.multiplies * (operand + shift + array.accumulator_width)
    capacity = sum(traffic.capacity_bytes for traffic in scratchpads.values())
    leakage = array.pes * (
        multiplier_leakage_w(energy, operand, operand)
        + adder_leakage_w(energy, array.accumulator_width)
        + registers * energy.register_leakage_w_per_bit
    )
    return {
        "array.multiply": work.multiplies * multiply_pj(energy, operand, operand),
        "array.add": work.multiplies * (add_pj(energy, array.accumulator_width) + _shift(energy, array)),
        "array.register_clock": register_pj(energy, array.pes * registers * work.cycles, 0),
        "array.register_write": register_pj(energy, 0, written),
        "array.accumulate": work.sums * add_pj(energy, array.foot_width),
        "array.vector": work.vector_elements
        * (multiply_pj(energy, VECTOR_WIDTH, VECTOR_WIDTH) + add_pj(energy, VECTOR_WIDTH)),
        **{f"scratchpad.{name}": sram_pj(energy, traffic) for name, traffic in scratchpads.items()},
        **{f"dram.{name}": pj for name, pj in dram_energy.actions_pj(dram, seconds).items()},
        "static.array": leakage * seconds * PJ_PER_J,
        "static.scratchpad": capacity * energy.sram_leakage_w_per_byte * seconds * PJ_PER_J,
    }


def _shift(energy: EnergyConfig, array: AntArray) -> float:
    return shift_pj(energy, array.accumulator_width) if array.pe_bits == NIBBLE else 0.0

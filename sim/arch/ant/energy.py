"""Energy of the ANT machine, action by action: estimates, some from the gates of its circuit.

Energies per action come from `sim.arch.energy`. A PE multiplies two bases of 5 bits, shifts and adds; it
holds two weights, an activation and a partial sum. Decoders, encoders and the taps of block formats are
charged by their gates (`sim.arch.ant.gates`). No clock is gated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.gates import decoder_nand2, encoder_nand2, has_types
from tandemsim.sim.arch.ant.widths import BASE_BITS, NIBBLE, pe_class
from tandemsim.sim.arch.dram.energy import DramEnergy, DramTraffic
from tandemsim.sim.arch.energy import (
    PJ_PER_J,
    EnergyConfig,
    SramTraffic,
    add_pj,
    adder_leakage_w,
    gates_pj,
    multiplier_leakage_w,
    multiply_pj,
    register_pj,
    shift_pj,
    sram_pj,
)

VECTOR_WIDTH = 16  # bits of a lane of the vector unit; assumed


class AntWork(NamedTuple):
    """What array and vector unit did."""

    cycles: int  # of the clock, of the whole run
    multiplies: int  # of PEs: an 8-bit product is four of 4 bits
    sums: int  # partial sums that entered the accumulators at the foot
    vector_elements: int  # elements times passes
    busy: int = 0  # cycles in which the array works, and a decoder at each row and column with it
    encoded: int = 0  # results of the array that become codes
    tapped_nand2: int = 0  # gates of taps, times the blocks that each has ended


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
    shift = pe_class(array.code_formats).shift_bits if has_types(array) else 0
    registers = 3 * (operand + shift) + array.accumulator_width
    written = work.multiplies * (operand + shift + array.accumulator_width)
    capacity = sum(traffic.capacity_bytes for traffic in scratchpads.values())
    leakage = array.pes * (
        multiplier_leakage_w(energy, operand, operand)
        + adder_leakage_w(energy, array.accumulator_width)
        + registers * energy.register_leakage_w_per_bit
    )
    aligned = shift_pj(energy, array.accumulator_width) if shift else 0.0
    decoded = work.busy * (array.rows + array.cols)
    return {
        "array.multiply": work.multiplies * multiply_pj(energy, operand, operand),
        "array.add": work.multiplies * (add_pj(energy, array.accumulator_width) + aligned),
        "array.register_clock": register_pj(energy, array.pes * registers * work.cycles, 0),
        "array.register_write": register_pj(energy, 0, written),
        "array.accumulate": work.sums * add_pj(energy, array.foot_width),
        "array.decode": decoded * gates_pj(energy, decoder_nand2(array)),
        "array.encode": work.encoded * gates_pj(energy, encoder_nand2(array)),
        "array.tap": gates_pj(energy, work.tapped_nand2),
        "array.vector": work.vector_elements
        * (multiply_pj(energy, VECTOR_WIDTH, VECTOR_WIDTH) + add_pj(energy, VECTOR_WIDTH)),
        **{f"scratchpad.{name}": sram_pj(energy, traffic) for name, traffic in scratchpads.items()},
        **{f"dram.{name}": pj for name, pj in dram_energy.actions_pj(dram, seconds).items()},
        "static.array": leakage * seconds * PJ_PER_J,
        "static.scratchpad": capacity * energy.sram_leakage_w_per_byte * seconds * PJ_PER_J,
    }

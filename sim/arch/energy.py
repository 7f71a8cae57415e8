"""Energy of the actions of a 45 nm chip: arithmetic by operand width, registers, SRAM by capacity, leakage.

Obeys: Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, table for 45 nm at
0.9 V; registers, logic and leakage from Aladdin (Shao et al., ISCA 2014), whose table for a commercial 40 nm
library at a 2 ns clock is published with it (``power_func.h``). `docs/energy.md` says what each leaves out.

Energies are picojoules, powers watts. Each function scales published figures to a width or a capacity.
Nothing here knows a machine: `sim.arch.salo.energy` does. DRAM is in `sim.arch.dram.energy`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2
from tandemsim.sim.arch.checks import require

PJ_PER_J = 1e12
KIB = 1024
MOST = 1e9  # assumed: a millijoule an action, and sums stay finite
SRAM_WORD_BYTES = 8  # Horowitz states SRAM reads for words of 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyConfig:
    """Energy per action and leakage per unit. The published figures, unscaled; functions below scale them."""

    multiply_8b_pj: float = 0.2  # Horowitz, integer multiply
    multiply_32b_pj: float = 3.1  # Horowitz
    add_8b_pj: float = 0.03  # Horowitz, integer add
    add_32b_pj: float = 0.1  # Horowitz
    logic_32b_pj: float = 0.01803786  # Aladdin, BIT at 2 ns: one gate on each of 32 bits
    register_clock_pj_per_bit: float = 0.00793499  # Aladdin, REG at 2 ns, internal power: every cycle
    register_toggle_pj_per_bit: float = 0.001076386  # Aladdin, REG at 2 ns, switching power: per bit written
    clock_gating: float = 0.0  # share of register bits without a clock; the published circuit gates none
    sram_read_8kib_pj: float = 10.0  # Horowitz, 64 bits from 8 KiB
    sram_read_32kib_pj: float = 20.0  # Horowitz, 64 bits from 32 KiB
    sram_read_1mib_pj: float = 100.0  # Horowitz, 64 bits from 1 MiB
    sram_write_over_read: float = 1.2042  # CACTI 7, 4 KiB bank: 0.039731 over 0.032993 pJ a bit
    multiplier_32b_leakage_w: float = 4.831147e-5  # Aladdin, MUL at 2 ns
    adder_32b_leakage_w: float = 2.380803e-6  # Aladdin, ADD at 2 ns
    register_leakage_w_per_bit: float = 7.395312e-8  # Aladdin, REG
    sram_leakage_w_per_byte: float = 7.658e-7  # CACTI 7, 512 KiB of ANT's banks: 0.803 nJ a cycle of 2 ns

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            require(value >= 0, f"EnergyConfig.{item.name} must be a non-negative number", value)
            require(value <= MOST, f"EnergyConfig.{item.name} must be at most {MOST:g}", value)
        for name in ("sram_read_8kib_pj", "sram_read_32kib_pj", "sram_read_1mib_pj"):
            value = getattr(self, name)
            require(value > 0, f"EnergyConfig.{name} must be a positive number", value)  # of a power law
        require(self.clock_gating <= 1, "EnergyConfig.clock_gating must be at most 1", self.clock_gating)


class SramTraffic(NamedTuple):
    """What passed through one scratchpad; its capacity sets the energy of a byte."""

    capacity_bytes: int
    read_bytes: int
    write_bytes: int


def multiply_pj(energy: EnergyConfig, width_a: int, width_b: int) -> float:
    """Energy of one integer multiply: linear in the product of the widths, through both published points."""
    return _line(width_a * width_b, 8 * 8, energy.multiply_8b_pj, 32 * 32, energy.multiply_32b_pj)


def add_pj(energy: EnergyConfig, width: int) -> float:
    """Energy of one integer addition: linear in the width, through both published points."""
    return _line(width, 8, energy.add_8b_pj, 32, energy.add_32b_pj)


def mac_pj(energy: EnergyConfig, width_a: int, width_b: int, width_sum: int) -> float:
    """Energy of one multiply-accumulate, its registers not included."""
    return multiply_pj(energy, width_a, width_b) + add_pj(energy, width_sum)


def shift_pj(energy: EnergyConfig, width: int) -> float:
    """Energy of one shift by an amount that rarely changes: one gate per bit per multiplexer level."""
    levels = max(1, math.ceil(math.log2(width)))
    return energy.logic_32b_pj / 32 * width * levels


def divide_pj(energy: EnergyConfig, width: int) -> float:
    """Energy of one division. Aladdin charges a divider as a multiplier of its width, and so does this."""
    return multiply_pj(energy, width, width)


def gates_pj(energy: EnergyConfig, nand2: float) -> float:
    """Energy of a unit that no paper gives, from its gates: charged like so many gates of a multiplier.

    An estimate. Where a published gate can be compared, Aladdin's, it is 1.2 times what this gives.
    """
    return energy.multiply_8b_pj * nand2 / MULTIPLIER_8B_NAND2


def register_pj(energy: EnergyConfig, clocked_bits: float, written_bits: float) -> float:
    """Energy of registers: bits times cycles that are clocked, and bits that are written."""
    clock = energy.register_clock_pj_per_bit * (1 - energy.clock_gating)
    return clocked_bits * clock + written_bits * energy.register_toggle_pj_per_bit


def sram_read_pj_per_byte(energy: EnergyConfig, capacity_bytes: int) -> float:
    """Energy of reading a byte, by the capacity of the memory: power laws through the three published points.

    They go on beyond the last point, and below the first down to 1 KiB. Both are close to the square root of
    the capacity.
    """
    require(capacity_bytes > 0, "the capacity of an SRAM must be a positive integer", capacity_bytes)
    kib = max(capacity_bytes / KIB, 1.0)
    if kib <= 32:
        word = _power_law(kib, 8, energy.sram_read_8kib_pj, 32, energy.sram_read_32kib_pj)
    else:
        word = _power_law(kib, 32, energy.sram_read_32kib_pj, 1024, energy.sram_read_1mib_pj)
    return word / SRAM_WORD_BYTES


def sram_pj(energy: EnergyConfig, traffic: SramTraffic) -> float:
    """Energy of the reads and writes of one scratchpad."""
    per_byte = sram_read_pj_per_byte(energy, traffic.capacity_bytes)
    return per_byte * (traffic.read_bytes + traffic.write_bytes * energy.sram_write_over_read)


def multiplier_leakage_w(energy: EnergyConfig, width_a: int, width_b: int) -> float:
    """Leakage of one multiplier: proportional to its area, the product of the widths."""
    return energy.multiplier_32b_leakage_w * width_a * width_b / (32 * 32)


def adder_leakage_w(energy: EnergyConfig, width: int) -> float:
    """Leakage of one adder, proportional to its width."""
    return energy.adder_32b_leakage_w * width / 32


def _line(x: float, x0: float, y0: float, x1: float, y1: float) -> float:
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _power_law(x: float, x0: float, y0: float, x1: float, y1: float) -> float:
    return float(y0 * (x / x0) ** (math.log(y1 / y0) / math.log(x1 / x0)))

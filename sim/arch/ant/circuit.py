"""ANT: all that the circuit depends on, and nothing else of the machine.

Two machines that differ in DRAM, energy or clock have the same circuit, and so the same modules in Verilog.
An input-stationary array is a weight-stationary one whose streams have other sources.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AntCircuit:
    """Fields of `AntArray`, by their names there, and five that follow from a config."""

    rows: int
    cols: int
    pe_bits: int
    formats: tuple[str, ...]
    accumulator_width: int
    foot_width: int
    stationary: bool  # whether the PEs keep weights and not sums
    drains: bool  # whether a tile waits until the one before has left
    saturates: bool  # whether a sum at the foot that exceeds its accumulator takes the bound
    accumulator_rows: int
    staging_words: int
    taps: str  # the block format whose blocks of a column end in taps

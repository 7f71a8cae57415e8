"""SALO: all that the circuit depends on, and nothing else of the machine.

Two machines that differ in DRAM, energy or clock have the same circuit, and so the same modules in Verilog.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.arch.formats import Fixed
from tandemsim.sim.arch.reciprocal import ReciprocalConfig
from tandemsim.sim.arch.salo.exp2 import ExpConfig
from tandemsim.sim.arch.salo.numerics import Normalisation, SumFormats


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloCircuit:
    """Fields of `SaloArray` and `SaloNumerics`, by their names there, and three that follow from a config."""

    rows: int
    cols: int
    head_dim: int
    global_rows: int
    global_cols: int
    column_segments: int
    normalisation: Normalisation
    exp_latency: int
    reciprocal_latency: int
    normalise_latency: int
    flush_cycles: int
    merge_latency: int
    sinks: bool
    value_dims: bool
    drains: bool  # whether a pass waits until the one before has left
    private_ports: bool  # whether global rows can be fed by ports of their own

    input: Fixed
    score: Fixed
    exp: ExpConfig
    weight: Fixed
    row_sum: Fixed
    reciprocal: ReciprocalConfig
    merge_exponent_width: int
    merge_weight_fraction: int
    renormalise_at: int
    output: Fixed
    sums: SumFormats  # those of the normalization

    staging_tiles: int

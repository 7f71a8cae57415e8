"""The units of ANT that `sim.arch.ant.gates` has counts of: each counted anew, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.ant.tap import Tap
from tandemsim.rtl.synthesis.gate_count import Tell, by_name, count_alone, count_modules
from tandemsim.rtl.synthesis.tied import in_place
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.ant.baselines import INT8
from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow
from tandemsim.sim.arch.ant.gates import ARRAYS, EDGES, GATES, Edge, EdgeGates, Unit, edge, skew_bits
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2

SIDE = 16  # rows and columns of the arrays around whose PEs the gates are counted
OTHERS = by_name((OperandDecoder, CodeEncoder, Tap))
PES = {"weight_pe": Dataflow.WEIGHT_STATIONARY, "output_pe": Dataflow.OUTPUT_STATIONARY}
AROUND: Mapping[Edge, AntArray] = {
    edge(array): array
    for array in (
        ANT.array,
        ANT_MICRO22.array,
        INT8.array,
        replace(INT8.array, dataflow=Dataflow.WEIGHT_STATIONARY),
    )
}
TOP = "gemm"
FOOT = f"{TOP}.array.foot"
PARTS = tuple(f"{TOP}.{part}" for part in ("controller", "array", "staging"))
KEPT = (*PES, "operand_decoder", FOOT, *PARTS)


def config_of(unit: Unit) -> AntConfig:
    """Return the configuration in which a unit of the table was counted."""
    array: AntArray = ARRAYS[unit.array]
    if unit.name in PES:
        array = replace(array, accumulator_width=unit.width, dataflow=PES[unit.name])
    return replace(ANT, array=array)


def small(config: AntConfig, size: int) -> AntConfig:
    """Return the same machine with `size` rows and columns, and room for no more words than these need."""
    fewer = replace(config, array=replace(config.array, rows=size, cols=size))
    word = -(-size * config.array.foot_width // 8)  # bytes
    held = {"accumulator_scratchpad": size * word, "output_scratchpad": fewer.full_rate_words * word}
    pads = {name: replace(getattr(config, name), capacity_bytes=room) for name, room in held.items()}
    return replace(fewer, **pads)


def nand2_of(unit: Unit, folder: Path) -> int:
    """Return what a unit of the table takes, of a tap a column's share."""
    config = config_of(unit)
    if unit.name in PES:
        return round(count_pe(config, folder).nand2)
    columns = config.array.cols if unit.name == "tap" else 1
    return round(count_alone(OTHERS[unit.name](config), folder).nand2 / columns)


def count_pe(config: AntConfig, folder: Path) -> Counted:
    """Return what a PE takes as it stands in its array."""
    return count_alone(in_place(config), folder)


def edge_of(kind: Edge, folder: Path) -> EdgeGates:
    """Return what lies around the PEs of an array."""
    config = small(replace(ANT, array=AROUND[kind]), SIDE)
    modules = count_modules(AntGemm(config), KEPT, folder)
    return EdgeGates(
        foot=round(modules["array.foot"].nand2 / SIDE),
        controller=round(modules["controller"].nand2),
        skew_bit=round(modules["array"].nand2 / skew_bits(config), 2),
    )


def units(folder: Path, tell: Tell) -> dict[Unit, int]:
    """Return the table of units, counted anew."""
    found = {}
    for unit in GATES:
        tell(f"counting {unit.name} ({unit.array})" + (f", {unit.width} bits" if unit.width else ""))
        found[unit] = nand2_of(unit, folder)
    return found


def edges(folder: Path, tell: Tell) -> dict[Edge, EdgeGates]:
    """Return the table of what lies around PEs, counted anew."""
    found = {}
    for kind in EDGES:
        tell(f"counting an array of {SIDE} x {SIDE}, {kind.dataflow}{', nibbles' if kind.joins else ''}")
        found[kind] = edge_of(kind, folder)
    return found


def said_of_tables(found: Mapping[Unit, int], around: Mapping[Edge, EdgeGates], multiplier: int) -> str:
    """Return a line on whether the checked-in tables have these counts, and what to put there where not."""
    other = [f"{unit}: {nand2}" for unit, nand2 in found.items() if GATES.get(unit) != nand2]
    other += [f"{kind}: {gates}" for kind, gates in around.items() if EDGES.get(kind) != gates]
    if multiplier != MULTIPLIER_8B_NAND2:
        other.append(f"a multiplier of 8 bits takes {multiplier}")
    if other:
        return f"sim/arch/ant/gates.py has other counts. Found: {'; '.join(other)}"
    return "sim/arch/ant/gates.py has these counts."

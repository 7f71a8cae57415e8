"""The units of ANT that `sim.arch.ant.gates` has counts of: each counted anew, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.synthesis import yosys
from tandemsim.rtl.synthesis.gate_count import Tell, by_name
from tandemsim.rtl.synthesis.tied import in_place
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.ant.baselines import INT8
from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow
from tandemsim.sim.arch.ant.gates import ARRAYS, EDGES, GATES, Edge, EdgeGates, Unit, edge
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2

# The arrays around whose PEs the gates were counted.
COUNTED_EDGES: Mapping[Edge, AntArray] = {
    edge(array): array
    for array in (
        ANT.array,
        ANT_MICRO22.array,
        INT8.array,
        replace(INT8.array, dataflow=Dataflow.WEIGHT_STATIONARY),
    )
}
EDGE_UNITS = by_name((OperandDecoder, CodeEncoder))
PES = {"weight_pe": Dataflow.WEIGHT_STATIONARY, "output_pe": Dataflow.OUTPUT_STATIONARY}


def config_of(unit: Unit) -> AntConfig:
    """Return the configuration in which a unit of the table was counted."""
    array: AntArray = ARRAYS[unit.array]
    if unit.name in PES:
        array = replace(array, accumulator_width=unit.width, dataflow=PES[unit.name])
    return replace(ANT, array=array)


def nand2_of(unit: Unit, folder: Path) -> int:
    """Return what a unit of the table takes."""
    config = config_of(unit)
    if unit.name in PES:
        return round(count_pe(config, folder).nand2)
    return round(yosys.count(verilog(EDGE_UNITS[unit.name](config)), unit.name, folder)[unit.name].nand2)


def count_pe(config: AntConfig, folder: Path) -> Counted:
    """Return what a PE takes as it stands in its array."""
    circuit = in_place(config)
    name = module_of(circuit)
    return yosys.count(verilog(circuit), name, folder)[name]


def measured(folder: Path, tell: Tell) -> dict[Unit, int]:
    """Return the table, counted anew."""
    found = {}
    for unit in GATES:
        tell(f"counting {shown(unit)}")
        found[unit] = nand2_of(unit, folder)
    return found


def shown(unit: Unit) -> str:
    """Return what a unit is called."""
    return f"{unit.name} ({unit.array})" + (f", {unit.width} bits" if unit.width else "")


def said_of_table(config: AntConfig, found: Mapping[Unit, int], around: EdgeGates, multiplier: int) -> str:
    """Return a line on whether the checked-in tables have these counts, and what to put there where not."""
    other = [f"{unit}: {nand2}" for unit, nand2 in found.items() if GATES.get(unit) != nand2]
    if multiplier != MULTIPLIER_8B_NAND2:
        other.append(f"a multiplier of 8 bits takes {multiplier}")
    kind = edge(config.array)
    if config.array == COUNTED_EDGES[kind] and around != EDGES[kind]:
        other.append(f"{kind}: {around}")
    if other:
        return f"sim/arch/ant/gates.py has other counts. Found: {'; '.join(other)}"
    if config.array != COUNTED_EDGES[kind]:
        return f"sim/arch/ant/gates.py has these counts, and of other arrays {EDGES[kind]}. Found: {around}"
    return "sim/arch/ant/gates.py has these counts."

"""Gate counts of ANT: its units, an array of them as their sum, a small one counted, and what types cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from tandemsim.rtl.ant.controller import GemmController
from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.rtl.synthesis import ant_table, gate_count
from tandemsim.rtl.synthesis.ant_table import KEPT, PARTS, PES, small
from tandemsim.rtl.synthesis.gate_count import Tell, by_name
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.gates import Edge, EdgeGates, Unit, parts_nand2
from tandemsim.sim.arch.cells import NAND2_UM2

PLACEABLE: Sequence[str] = [
    "array",
    *by_name((OperandDecoder, CodeEncoder, WeightPE, OutputPE, Foot, GemmController)),
]
CHECKED, PLACED = 8, 4  # rows and columns of the small arrays
TYPES_WIDTH, FUSED_WIDTH, INT4_WIDTH = 20, 18, 14  # of accumulators: what 64 products need


def measure(config: AntConfig, placed: Sequence[str], folder: Path, tell: Tell) -> dict[str, Any]:
    """Return all counts of a configuration as JSON values; `folder` is where the tools work."""
    units, edges = ant_table.units(folder, tell), ant_table.edges(folder, tell)
    return {
        "units": [unit._asdict() | {"nand2": nand2} for unit, nand2 in units.items()],
        "edges": [kind._asdict() | gates._asdict() for kind, gates in edges.items()],
        "multiplier_8b_nand2": round(gate_count.multiplier_nand2(folder, tell)),
        "array": parts_nand2(config, units, edges),
        "check": check_sum(config, units, edges, folder, tell),
        "ecp5": gate_count.place({_shown(name): _placed(config, name) for name in placed}, folder, tell),
    }


def check_sum(
    config: AntConfig,
    units: Mapping[Unit, int],
    edges: Mapping[Edge, EdgeGates],
    folder: Path,
    tell: Tell,
) -> dict[str, Any]:
    """Return a small array counted as the sum of its modules and dissolved into one, and as its parts."""
    config, shown = small(config, CHECKED), f"{CHECKED} x {CHECKED}"
    tell(f"counting the modules of an array of {shown}")
    modules = gate_count.count_modules(AntGemm(config), KEPT, folder)
    apart = whole(modules | {pe: ant_table.count_pe(config, folder) for pe in PES if pe in modules})
    tell("counting it again, dissolved into one module")
    modules = gate_count.count_modules(AntGemm(config), PARTS, folder)
    together = round(modules["array"].nand2 + modules["controller"].nand2)
    parts = parts_nand2(config, units, edges)
    return {
        "array": shown,
        "modules": apart,
        "nand2_of_modules": sum(apart.values()),
        "nand2_in_one": together,
        "ratio": round(sum(apart.values()) / together, 3),
        "nand2_of_parts": parts and round(sum(parts.values()) - parts["code_encoder"]),
    }


def whole(modules: Mapping[str, Counted]) -> dict[str, int]:
    """Return what an array takes, module by module, each times its instances; no memories."""
    array = modules["array"]
    found = {name: round(modules[name].nand2 * number) for name, number in array.holds.items()}
    return found | {"controller": round(modules["controller"].nand2), "skew": round(array.nand2)}


def _placed(config: AntConfig, name: str) -> wiring.Component:
    kinds = by_name((OperandDecoder, CodeEncoder, WeightPE, OutputPE, Foot, GemmController))
    return AntGemm(small(config, PLACED)) if name == "array" else kinds[name](config)


def _shown(name: str) -> str:
    return f"array of {PLACED} x {PLACED}" if name == "array" else name


def costs_of_types(nand2: Mapping[Unit, int]) -> dict[str, dict[str, float]]:
    """Return what a PE of class A takes beyond PEs of integers, as a share of theirs, by dataflow."""
    found = {}
    for pe in PES:
        types = nand2[Unit(pe, "class A", TYPES_WIDTH)]
        plain = {
            "a fused 4/8-bit PE": Unit(pe, "nibbles", FUSED_WIDTH),
            "a plain int4 PE": Unit(pe, "int4", INT4_WIDTH),
        }
        found[pe] = {name: types / nand2[unit] - 1 for name, unit in plain.items()}
    return found


def show(config: AntConfig, report: Mapping[str, Any]) -> None:
    """Print the tables, and whether the checked-in counts still hold."""
    from rich.console import Console

    # Where there is no terminal, rich would make tables of 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=110)
    units = {Unit(each["name"], each["array"], each["width"]): each["nand2"] for each in report["units"]}
    edges = {
        Edge(each["dataflow"], each["joins"]): EdgeGates(each["foot"], each["controller"], each["skew_bit"])
        for each in report["edges"]
    }
    lines = [(unit.name, unit.array, str(unit.width or ""), f"{nand2:,}") for unit, nand2 in units.items()]
    for kind, gates in edges.items():
        joined = f"{kind.dataflow}, {'nibbles' if kind.joins else 'plain'}"
        for name, nand2 in gates._asdict().items():
            lines.append((name, joined, "", f"{nand2:,}"))
    console.print(_table("NAND2 equivalents", ("unit", "of", "accumulator"), lines))
    size = f"{config.array.rows} x {config.array.cols}"
    if report["array"]:
        _show_array(console, size, report["array"])
    else:
        console.print(
            f"The PEs of this array of {size} are not in the table, or what lies around them is not."
        )
    for pe, over in costs_of_types(units).items():
        shown = ", ".join(f"{share:+.0%} over {name}" for name, share in over.items())
        console.print(f"{pe} of class A: {shown}.")
    console.print(f"An integer multiplier of 8 bits takes {report['multiplier_8b_nand2']} NAND2.")
    check = report["check"]
    console.print(
        f"An array of {check['array']}: {check['nand2_of_parts'] or 'not counted'} by the table,"
        f" {check['nand2_of_modules']:,} as the sum of its modules, {check['ratio']} times what it is as one."
    )
    for name, placed in report["ecp5"].items():
        console.print(f"ECP5, {name}: " + ", ".join(f"{key} {value}" for key, value in placed.items()))
    console.print(ant_table.said_of_tables(units, edges, report["multiplier_8b_nand2"]))


def _show_array(console: Any, size: str, parts: Mapping[str, float]) -> None:
    in_all = sum(parts.values())
    lines = [(name, f"{nand2:,.0f}", f"{nand2 / in_all:.2%}") for name, nand2 in parts.items()]
    lines.append(("in all", f"{in_all:,.0f}", f"{in_all * NAND2_UM2 / 1e6:.2f} mm²"))
    console.print(_table(f"NAND2 equivalents of {size}, memories apart", ("part",), lines))
    engine = in_all - parts["code_encoder"]
    console.print(f"Decoders take {parts['operand_decoder'] / engine:.2%} of the gates of the engine.")


def _table(title: str, left: Sequence[str], lines: Sequence[tuple[str, ...]]) -> Any:
    from rich.table import Table

    table = Table(title=title)
    for column in (*left, "NAND2", *(["share"] if len(left) == 1 else [])):
        table.add_column(column, justify="left" if column in left else "right")
    for line in lines:
        table.add_row(*line)
    return table

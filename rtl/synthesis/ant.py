"""Gate counts of an ANT configuration: its array, a small one counted both ways, and what types cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from tandemsim.rtl.ant.controller import GemmController
from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.rtl.synthesis import gate_count
from tandemsim.rtl.synthesis.ant_table import PES, count_pe, measured, said_of_table
from tandemsim.rtl.synthesis.gate_count import Tell, by_name
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.gates import TAP_MULTIPLY, TAP_SHIFT, EdgeGates, Unit, skew_bits
from tandemsim.sim.arch.cells import NAND2_UM2

UNITS = (OperandDecoder, CodeEncoder, WeightPE, OutputPE, Foot, GemmController)
PLACEABLE: Sequence[str] = ["array", *by_name(UNITS)]
TOP = "ant_gemm"
FOOT = f"{TOP}.array.foot"
PARTS = tuple(f"{TOP}.{part}" for part in ("controller", "array", "staging"))
KEPT = ("weight_pe", "output_pe", "operand_decoder", FOOT, *PARTS)
CHECKED, PLACED = 8, 4  # rows and columns of the small arrays
TYPES_WIDTH, FUSED_WIDTH, INT4_WIDTH = 20, 18, 14  # of accumulators: what 64 products need


def measure(config: AntConfig, placed: Sequence[str], folder: Path, tell: Tell) -> dict[str, Any]:
    """Return all counts of a configuration as JSON values; `folder` is where the tools work."""
    table = measured(folder, tell)
    array = config.array
    tell(f"counting the modules of an array of {array.rows} x {array.cols}")
    modules = counted_modules(config, folder)
    return {
        "units": [unit._asdict() | {"nand2": nand2} for unit, nand2 in table.items()],
        "multiplier_8b_nand2": round(gate_count.multiplier_nand2(folder, tell)),
        "array": whole(modules),
        "edge": edge_of(config, modules)._asdict(),
        "check": check_sum(config, folder, tell),
        "ecp5": gate_count.place({_shown(name): _placed(config, name) for name in placed}, folder, tell),
    }


def counted_modules(config: AntConfig, folder: Path) -> dict[str, Counted]:
    """Return the modules of the engine, each counted once, and its PE as it stands in the array."""
    modules = gate_count.count_modules(AntGemm(config), KEPT, folder)
    return modules | {pe: count_pe(config, folder) for pe in PES if pe in modules}


def whole(modules: Mapping[str, Counted]) -> dict[str, Any]:
    """Return what the array takes: the sum of its modules, each times its instances."""
    array = modules["array"]
    instances = {name.split(".")[-1]: number for name, number in array.holds.items()}
    instances["controller"] = 1
    counted = {name.split(".")[-1]: modules[name] for name in modules}
    nand2 = {name: counted[name].nand2 * number for name, number in instances.items()}
    nand2["skew"] = array.nand2
    in_all = sum(nand2.values())
    return {
        "instances": instances,
        "nand2": {name: round(value) for name, value in nand2.items()},
        "nand2_in_all": round(in_all),
        "decoders_share": nand2["operand_decoder"] / in_all,
        "skew_flip_flops": array.flip_flops,
        "accumulator_memory_bits": counted["foot"].memory_bits,
        "staging_memory_bits": counted["staging"].memory_bits,
        "logic_mm2": round(in_all * NAND2_UM2 / 1e6, 3),
    }


def edge_of(config: AntConfig, modules: Mapping[str, Counted]) -> EdgeGates:
    """Return the row that `sim.arch.ant.gates` holds of what lies around the PEs of a configuration."""
    return EdgeGates(
        foot=round(modules["array.foot"].nand2 / config.array.cols),
        gemm_controller=round(modules["controller"].nand2),
        skew_bit=round(modules["array"].nand2 / skew_bits(config), 2),
    )


def check_sum(config: AntConfig, folder: Path, tell: Tell) -> dict[str, Any]:
    """Return a small array counted twice: as the sum of its modules, and dissolved into one."""
    config, shown = small(config, CHECKED), f"{CHECKED} x {CHECKED}"
    tell(f"counting the modules of an array of {shown}")
    apart = whole(counted_modules(config, folder))["nand2_in_all"]
    tell("counting it again, dissolved into one module")
    modules = gate_count.count_modules(AntGemm(config), PARTS, folder)
    together = round(modules["array"].nand2 + modules["controller"].nand2)
    return {
        "array": shown,
        "nand2_of_modules": apart,
        "nand2_in_one": together,
        "ratio": round(apart / together, 3),
    }


def small(config: AntConfig, size: int) -> AntConfig:
    """Return the same machine with `size` rows and columns, and room for no more words than these need."""
    fewer = replace(config, array=replace(config.array, rows=size, cols=size))
    word = -(-size * config.array.foot_width // 8)  # bytes
    return replace(
        fewer,
        accumulator_scratchpad=replace(config.accumulator_scratchpad, capacity_bytes=size * word),
        output_scratchpad=replace(config.output_scratchpad, capacity_bytes=fewer.full_rate_words * word),
    )


def _placed(config: AntConfig, name: str) -> wiring.Component:
    return AntGemm(small(config, PLACED)) if name == "array" else by_name(UNITS)[name](config)


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
    from rich.table import Table

    # Where there is no terminal, rich would make tables of 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=110)
    counted, array = units_of(report), report["array"]
    table = Table(title="NAND2 equivalents of units")
    for column in ("unit", "formats or class", "accumulator", "NAND2"):
        table.add_column(column, justify="right" if column in ("accumulator", "NAND2") else "left")
    for unit, nand2 in counted.items():
        table.add_row(unit.name, unit.array, str(unit.width or ""), f"{nand2:,}")
    console.print(table)
    console.print(f"Taps: {TAP_SHIFT:,} (MXFP4) and {TAP_MULTIPLY:,} (NVFP4), of prototypes.")
    table = Table(title=f"NAND2 equivalents of {config.array.rows} x {config.array.cols}, memories apart")
    for column in ("part", "instances", "NAND2", "share"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name, nand2 in array["nand2"].items():
        instances = array["instances"].get(name)
        table.add_row(
            name, f"{instances:,}" if instances else "", f"{nand2:,}", f"{nand2 / array['nand2_in_all']:.2%}"
        )
    table.add_section()
    table.add_row("whole array", "", f"{array['nand2_in_all']:,}", "")
    console.print(table)
    console.print(
        f"{array['logic_mm2']} mm² of logic; {array['skew_flip_flops']:,} flip-flops of skew;"
        f" accumulators {array['accumulator_memory_bits']:,} bits,"
        f" staging {array['staging_memory_bits']:,} bits"
    )
    console.print(f"Decoders take {array['decoders_share']:.2%} of the array's gates.")
    for pe, over in costs_of_types(counted).items():
        shown = ", ".join(f"{share:+.0%} over {name}" for name, share in over.items())
        console.print(f"{pe} of class A: {shown}.")
    console.print(f"An integer multiplier of 8 bits takes {report['multiplier_8b_nand2']} NAND2.")
    check = report["check"]
    console.print(
        f"An array of {check['array']}: the sum of its modules is {check['nand2_of_modules']:,},"
        f" {check['ratio']} times what it is as one."
    )
    for name, placed in report["ecp5"].items():
        console.print(f"ECP5, {name}: " + ", ".join(f"{key} {value}" for key, value in placed.items()))
    around = EdgeGates(**report["edge"])
    console.print(said_of_table(config, counted, around, report["multiplier_8b_nand2"]))


def units_of(report: Mapping[str, Any]) -> dict[Unit, int]:
    """Return the counted units of a report."""
    return {Unit(each["name"], each["array"], each["width"]): each["nand2"] for each in report["units"]}

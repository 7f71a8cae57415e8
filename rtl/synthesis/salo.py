"""Gate counts of a SALO configuration: its units, the whole array, and a small array counted both ways."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from tandemsim.rtl.salo.controller import Controller
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.rtl.salo.pe import PE
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.rtl.salo.sink import SinkUnit
from tandemsim.rtl.salo.tile_engine import TileEngine
from tandemsim.rtl.salo.weighted_sum import GlobalWeightedSum, WeightedSum
from tandemsim.rtl.synthesis import gate_count
from tandemsim.rtl.synthesis.gate_count import Tell, by_name
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2, NAND2_UM2
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.gates import GATES, UnitGates, formats_of, skew_bits

UNITS = (ExpUnit, ReciprocalUnit, SinkUnit, PE, WeightedSum, GlobalWeightedSum, Controller)
PLACEABLE: Sequence[str] = ["array", *by_name(UNITS)]
MERGERS = ("weighted_sum", "global_weighted_sum")
STAGING = ("output_staging", "global_output_staging")
TOP = "tile_engine"
PARTS = tuple(f"{TOP}.{part}" for part in ("controller", "array", *STAGING))
KEPT = ("pe", "reciprocal_unit", "sink_unit", *MERGERS, *PARTS)
WITHOUT = "--set array.sinks=false --set array.value_dims=false"  # of the rows of sim/arch/salo/gates.py
CHECKED, PLACED = 4, 2  # rows and columns of the small arrays


def measure(config: SaloConfig, placed: Sequence[str], folder: Path, tell: Tell) -> dict[str, Any]:
    """Return all counts of a configuration as JSON values; `folder` is where the tools work."""
    tell(f"counting the modules of an array of {config.array.rows} x {config.array.cols}")
    modules = gate_count.count_modules(TileEngine(config), KEPT, folder)
    units = gate_count.count_units(UNITS, config, modules, folder, tell)
    return {
        "units": gate_count.as_json(units),
        "multiplier_8b_nand2": round(gate_count.multiplier_nand2(folder, tell)),
        "merge_bit_nand2": merge_bit_nand2(config, units["weighted_sum"], folder, tell),
        "array": whole(modules),
        "check": check_sum(config, folder, tell),
        "ecp5": gate_count.place({_shown(name): _placed(config, name) for name in placed}, folder, tell),
    }


def merge_bit_nand2(config: SaloConfig, unit: Counted, folder: Path, tell: Tell) -> float:
    """Return what a bit of a merge buffer made of flip-flops costs, its share of the ports included."""
    tell("counting weighted_sum, its buffer made of flip-flops")
    built = gate_count.count_alone(WeightedSum(config), folder, memories=False)
    return (built.nand2 - unit.nand2) / unit.memory_bits


def whole(modules: dict[str, Counted]) -> dict[str, Any]:
    """Return what the array takes: the sum of its modules, each times its instances."""
    instances = modules["array"].holds | {"controller": 1}
    nand2 = {name: modules[name].nand2 * number for name, number in instances.items()}
    nand2["skew"] = modules["array"].nand2
    bits = [modules[name].memory_bits * instances.get(name, 0) for name in MERGERS if name in modules]
    return {
        "instances": instances,
        "nand2": {name: round(value) for name, value in nand2.items()},
        "nand2_in_all": round(sum(nand2.values())),
        "skew_flip_flops": modules["array"].flip_flops,
        "merge_memory_bits": sum(bits),
        "staging_memory_bits": sum(modules[name].memory_bits for name in STAGING if name in modules),
        "logic_mm2": round(sum(nand2.values()) * NAND2_UM2 / 1e6, 3),
    }


def check_sum(config: SaloConfig, folder: Path, tell: Tell) -> dict[str, Any]:
    """Return a small array counted twice: as the sum of its modules, and dissolved into one."""
    config, shown = small(config, CHECKED), f"{CHECKED} x {CHECKED}"
    tell(f"counting the modules of an array of {shown}")
    apart = whole(gate_count.count_modules(TileEngine(config), KEPT, folder))["nand2_in_all"]
    tell("counting it again, dissolved into one module")
    modules = gate_count.count_modules(TileEngine(config), PARTS, folder)
    together = round(modules["array"].nand2 + modules["controller"].nand2)
    return {
        "array": shown,
        "nand2_of_modules": apart,
        "nand2_in_one": together,
        "ratio": round(apart / together, 3),
    }


def small(config: SaloConfig, size: int) -> SaloConfig:
    """Return the same machine with `size` rows and columns, and room for the outputs of one tile."""
    array = replace(config.array, rows=size, cols=size)
    capacity = size * array.head_dim * config.output_bytes
    output = replace(config.output_scratchpad, capacity_bytes=capacity)
    return replace(config, array=array, output_scratchpad=output)


def _placed(config: SaloConfig, name: str) -> wiring.Component:
    return TileEngine(small(config, PLACED)) if name == "array" else by_name(UNITS)[name](config)


def _shown(name: str) -> str:
    return f"array of {PLACED} x {PLACED}" if name == "array" else name


def row(config: SaloConfig, report: Mapping[str, Any]) -> UnitGates:
    """Return what `sim.arch.salo.gates` holds of a configuration."""
    units, skew = report["units"], report["array"]["nand2"]["skew"]
    return UnitGates(
        **{name: units[name]["nand2"] for name in units},
        merge_bit=round(report["merge_bit_nand2"], 2),
        skew_bit=round(skew / skew_bits(config.array, config.numerics), 2),
    )


def said_of_table(config: SaloConfig, found: UnitGates, multiplier: int) -> str:
    """Return a line on whether the checked-in table has these counts, and what to put there where not."""
    if config.array.sinks or config.array.value_dims:
        return f"sim/arch/salo/gates.py has counts with {WITHOUT}; give these to compare. Found: {found}"
    held = GATES.get((config.array.normalisation, formats_of(config.numerics) or ""))
    if held == found and multiplier == MULTIPLIER_8B_NAND2:
        return "sim/arch/salo/gates.py has these counts."
    differs = "sim/arch/salo/gates.py has other counts, or none, for this configuration"
    return f"{differs}. Found: {found}, and a multiplier of 8 bits takes {multiplier}"


def show(config: SaloConfig, report: Mapping[str, Any]) -> None:
    """Print the tables, and whether the checked-in counts still hold."""
    from rich.console import Console
    from rich.table import Table

    # Where there is no terminal, rich would make tables of 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=110)
    array = report["array"]
    table = Table(title="NAND2 equivalents, memories apart")
    for column in ("unit", "cells", "NAND2", "flip-flops", "memory bits", "instances", "NAND2 in the array"):
        table.add_column(column, justify="left" if column == "unit" else "right")
    for name, unit in report["units"].items():
        numbers = [f"{unit[key]:,}" for key in ("cells", "nand2", "flip_flops", "memory_bits")]
        count, part = array["instances"].get(name), array["nand2"].get(name)
        table.add_row(name, *numbers, f"{count:,}" if count else "inside", f"{part:,}" if part else "")
    skew = array["skew_flip_flops"], array["nand2"]["skew"]
    table.add_row("skew registers", "", "", f"{skew[0]:,}", "", "", f"{skew[1]:,}")
    table.add_section()
    table.add_row("whole array", "", "", "", "", "", f"{array['nand2_in_all']:,}")
    console.print(table)
    buffers = array["merge_memory_bits"] * report["merge_bit_nand2"]
    console.print(
        f"{array['logic_mm2']} mm² of logic; merge buffers {array['merge_memory_bits']:,} bits"
        f" ({buffers:,.0f} NAND2 as flip-flops); staging {array['staging_memory_bits']:,} bits"
    )
    console.print(f"An integer multiplier of 8 bits takes {report['multiplier_8b_nand2']} NAND2.")
    check = report["check"]
    console.print(
        f"An array of {check['array']}: the sum of its modules is {check['ratio']} times what it is as one."
    )
    for name, placed in report["ecp5"].items():
        console.print(f"ECP5, {name}: " + ", ".join(f"{key} {value}" for key, value in placed.items()))
    print(said_of_table(config, row(config, report), report["multiplier_8b_nand2"]))

"""``python -m rtl.synth``: the size of the circuits in gates, and the clock that they reach on an FPGA.

Each unit is mapped to the standard cells of the published synthesis (`rtl.synthesis.cells`) for area alone,
and given in areas of a NAND2. The whole array is the sum of its modules times their instances. Memories are
counted apart, as bits. docs/synthesis.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandemsim.rtl.lib.command_line import CircuitParser, config_of
from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.gates import GATES, MULTIPLIER_8B_NAND2, UnitGates, formats_of, skew_bits
from tandemsim.sim.shell.command_line import USER_FAULT, installed_by, tell_fault
from tandemsim.sim.shell.files import require_writable_folder, written
from tandemsim.sim.shell.settings_files import settings_from_arguments

PROGRAM = "python -m rtl.synth"

with installed_by(PROGRAM, "make synth, or pip install '.[rtl,synth]'"):
    from tandemsim.rtl.lib.emit import module_name
    from tandemsim.rtl.synthesis import salo as gate_count
    from tandemsim.rtl.synthesis.yosys import NEXTPNR, YOSYS, Counted, installed

PLACEABLE = ["array", *(module_name(kind.__name__) for kind in gate_count.UNITS)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        config, settings = config_of(chosen), settings_from_arguments(chosen.settings)
        require_writable_folder(chosen.out)
        report = {"preset": chosen.preset, "settings": settings}
        report |= measure(config, chosen.place or [], Path(chosen.out))
        with written(Path(chosen.out) / "synthesis.json") as stream:
            stream.write((json.dumps(report, indent=1) + "\n").encode())
    except UserError as error:
        tell_fault(PROGRAM, str(error))
        return USER_FAULT
    show(report)
    print(said_of_table(config, row(config, report), report["multiplier_8b_nand2"]))
    return 0


def _parser() -> CircuitParser:
    parser = CircuitParser(
        "build/synth",
        prog=PROGRAM,
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--place",
        action="append",
        choices=PLACEABLE,
        metavar="UNIT",
        help=f"place and route on an ECP5, too, for its clock:\n{', '.join(PLACEABLE)}",
    )
    return parser


def measure(config: SaloConfig, placed: list[str], folder: Path) -> dict[str, Any]:
    """Return all counts of a configuration as JSON values; `folder` is where the tools work."""
    for tool in (YOSYS, NEXTPNR) if placed else (YOSYS,):
        installed(tool)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
    tell("Yosys compiles itself on its first run on a machine: about 100 s before anything happens")
    modules = gate_count.count_modules(config, folder, tell)
    units = gate_count.count_units(config, modules, folder, tell)
    return {
        "tools": {name: _version(name) for name in (YOSYS, NEXTPNR)},
        "units": {name: _unit(counted) for name, counted in units.items()},
        "multiplier_8b_nand2": round(gate_count.multiplier_nand2(folder, tell)),
        "merge_bit_nand2": gate_count.merge_bit_nand2(config, units["weighted_sum"], folder, tell),
        "array": gate_count.whole(modules),
        "check": gate_count.check_sum(config, folder, tell),
        "ecp5": gate_count.place(config, placed, folder, tell),
    }


def _unit(counted: Counted) -> dict[str, Any]:
    return {
        "cells": counted.cells,
        "nand2": round(counted.nand2),
        "flip_flops": counted.flip_flops,
        "memory_bits": counted.memory_bits,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def row(config: SaloConfig, report: dict[str, Any]) -> UnitGates:
    """Return what `sim.arch.salo.gates` holds of a configuration."""
    units, skew = report["units"], report["array"]["nand2"]["skew"]
    return UnitGates(
        **{name: units[name]["nand2"] for name in units},
        merge_bit=round(report["merge_bit_nand2"], 2),
        skew_bit=round(skew / skew_bits(config.array, config.numerics), 2),
    )


def said_of_table(config: SaloConfig, found: UnitGates, multiplier: int) -> str:
    """Return a line on whether the checked-in table has these counts, and what to put there where not."""
    held = GATES.get((config.array.normalisation, formats_of(config.numerics) or ""))
    if held == found and multiplier == MULTIPLIER_8B_NAND2:
        return "sim/arch/salo/gates.py has these counts."
    told = "sim/arch/salo/gates.py has other counts, or none, for this configuration"
    return f"{told}. Found: {found}, and a multiplier of 8 bits takes {multiplier}"


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
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


def tell(line: str) -> None:
    """Say on stderr what is going on."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m rtl.synth``: the size of the circuits in gates, and the clock that they reach on an FPGA.

Each unit is mapped to the standard cells of the published synthesis (`rtl.synthesis.cells`) for area alone,
and given in areas of a NAND2. The whole array is the sum of its modules times their instances. Memories are
counted apart, as bits. docs/synthesis.md says what the numbers mean.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tandemsim.rtl.lib.command_line import CircuitParser, choice_of
from tandemsim.sim.arch.checks import UserError, nearest
from tandemsim.sim.arch.families import FAMILIES, family_named
from tandemsim.sim.shell.command_line import USER_FAULT, installed_by, tell_fault
from tandemsim.sim.shell.files import require_writable_folder, written

PROGRAM = "python -m rtl.synth"

with installed_by(PROGRAM, "make synth in a checkout, or pip install 'tandemsim[rtl,synth]'"):
    from tandemsim.rtl.synthesis.gate_count import FamilyCount, counts_of
    from tandemsim.rtl.synthesis.yosys import NEXTPNR, YOSYS, installed

COUNTS: Mapping[str, FamilyCount] = counts_of(FAMILIES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.machine not in COUNTS:
            raise UserError(nearest("machine", chosen.machine, COUNTS))
        count, placed, folder = COUNTS[chosen.machine], chosen.place or [], Path(chosen.out)
        for name in placed:
            if name not in count.PLACEABLE:
                raise UserError(nearest(f"unit of {chosen.machine}", name, count.PLACEABLE))
        preset, settings, config = choice_of(family_named(chosen.machine), chosen)
        require_writable_folder(chosen.out)  # as it was given: "" is not a folder
        report = {"preset": preset, "settings": settings, "tools": tools(placed, folder)}
        tell("Yosys compiles itself on its first run on a machine: about 100 s before anything happens")
        report |= count.measure(config, placed, folder, tell)
        with written(folder / "synthesis.json") as stream:
            stream.write((json.dumps(report, indent=1) + "\n").encode())
    except UserError as error:
        tell_fault(PROGRAM, str(error))
        return USER_FAULT
    count.show(config, report)
    return 0


def _parser() -> CircuitParser:
    parser = CircuitParser(
        "build/synth",
        prog=PROGRAM,
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--machine",
        metavar="NAME",
        default=next(iter(COUNTS)),
        help=f"whose circuits: {' or '.join(COUNTS)} (default: %(default)s)",
    )
    placeable = "\n".join(f"{name}: {', '.join(count.PLACEABLE)}" for name, count in COUNTS.items())
    parser.add_argument(
        "--place",
        action="append",
        metavar="UNIT",
        help=f"place and route on an ECP5, too, for its clock:\n{placeable}",
    )
    return parser


def tools(placed: Sequence[str], folder: Path) -> dict[str, str | None]:
    """Return the tools with their versions, and make the folder in which they work; raises `UserError`."""
    for tool in (YOSYS, NEXTPNR) if placed else (YOSYS,):
        installed(tool)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
    return {name: _version(name) for name in (YOSYS, NEXTPNR)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def tell(line: str) -> None:
    """Say on stderr what is going on."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    finish(main)

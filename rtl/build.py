"""``python -m rtl.build``: writes circuits as Verilog, each with a JSON file that says what it is.

`<family>/<unit>.v` holds the unit and all that it is made of. `<family>/<unit>.json` holds the complete
configuration, the versions of the tools, and the ports; of a packed port also where each field lies. Two
builds of one configuration give the same bytes. With --testbench a unit with streams also gets
`<unit>_tb.v`, which checks itself, and a `.hex` file of words for each stream.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import json
import sys
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tandemsim.rtl.lib.command_line import CircuitParser, choice_of
from tandemsim.sim.arch.checks import ConfigError, UserError, nearest, require
from tandemsim.sim.arch.families import FAMILIES, family_named
from tandemsim.sim.shell.command_line import USER_FAULT, installed_by, tell_fault
from tandemsim.sim.shell.files import require_writable_folder, standard_output, written_folder

PROGRAM = "python -m rtl.build"

with installed_by(PROGRAM, "make rtl in a checkout, or pip install 'tandemsim[rtl]'"):
    from tandemsim.rtl.lib.sidecar import verilog_and_sidecar
    from tandemsim.rtl.lib.units import Units, units_of

UNITS: Mapping[str, Units] = units_of(FAMILIES)
LONG_SECONDS = 5
TILES, SEED = 24, 1  # of a testbench
MOST_TILES = 100_000  # assumed: a simulator takes hours for as many


class Unit(NamedTuple):
    """What can be built."""

    family: str
    name: str

    def __str__(self) -> str:
        return f"{self.family}/{self.name}"


def all_units() -> list[Unit]:
    """Return every unit of every family."""
    return [Unit(family, name) for family, units in UNITS.items() for name in units.by_name]


def units_named(word: str) -> list[Unit]:
    """Return the unit that ``FAMILY/UNIT``, or ``UNIT`` alone, means, and of ``FAMILY`` all.

    Raises `UserError` where there is none, or where a unit alone is one of several.
    """
    known = all_units()
    found = [unit for unit in known if word in (str(unit), unit.name, unit.family)]
    if len(found) > 1 and word not in UNITS:
        raise UserError(f"unit {word!r} is one of several: {', '.join(map(str, found))}")
    if not found:
        names = {str(unit) if "/" in word else unit.name for unit in known}
        raise UserError(nearest("unit", word, names if "/" in word else names | UNITS.keys()))
    return found


def build(unit: Unit, config: Any) -> tuple[str, dict[str, Any]]:
    """Return the Verilog of a unit, and what its JSON file holds. Raises `ConfigError` where it cannot."""
    config.check_circuit()
    _require(unit, config)
    units = UNITS[unit.family]
    return verilog_and_sidecar(units.by_name[unit.name](config), units.said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 for the user's mistakes."""
    parser = CircuitParser(
        "build/rtl",
        prog=PROGRAM,
        description="Write circuits as Verilog, each with a JSON file of its configuration and ports.",
        epilog=f"units: {', '.join(map(str, all_units()))}",
    )
    parser.add_argument(
        "units",
        nargs="*",
        metavar="FAMILY/UNIT",
        help="what to build (default: all); FAMILY alone for all of its units, UNIT where only one has it",
    )
    parser.add_argument(
        "--testbench",
        action="store_true",
        help="for units with streams also a testbench, UNIT_tb.v, that runs without Python: it tells how",
    )
    parser.add_argument("--tiles", type=int, metavar="N", help=f"of a testbench (default: {TILES})")
    parser.add_argument("--seed", type=int, metavar="N", help=f"of its random tiles (default: {SEED})")
    chosen = parser.parse_args(arguments)
    try:
        _check_testbench(chosen)
        found = [unit for word in chosen.units for unit in units_named(word)]
        named = {unit for unit in found if {str(unit), unit.name} & {*chosen.units}}
        _write([*dict.fromkeys(found)] or all_units(), named, chosen)
    except UserError as error:
        tell_fault(PROGRAM, str(error))
        return USER_FAULT
    except BrokenPipeError:  # the reader of the list of files has seen enough
        return 0
    return 0


def _write(asked: Sequence[Unit], named: Container[Unit], chosen: argparse.Namespace) -> None:
    """Write units; of those that nobody named, those that the configuration has."""
    families = dict.fromkeys(unit.family for unit in asked)
    configs = {family: choice_of(family_named(family), chosen).config for family in families}
    units = [unit for unit in asked if unit in named or not _missing(unit, configs[unit.family])]
    for unit in units:  # before the first is built, which may take minutes
        _require(unit, configs[unit.family])
    folders = {family: Path(chosen.out) / family for family in families}
    require_writable_folder(chosen.out)
    for family, folder in folders.items():
        names = [f"{unit.name}.{kind}" for unit in units if unit.family == family for kind in ("v", "json")]
        require_writable_folder(folder, names)
    with ExitStack() as stack:
        places = {family: stack.enter_context(written_folder(folders[family])) for family in families}
        for unit in units:
            print(f"building {unit.name}{_how_long(unit, configs[unit.family])}", file=sys.stderr)
            text, sidecar = build(unit, configs[unit.family])
            (places[unit.family] / f"{unit.name}.v").write_text(text)
            (places[unit.family] / f"{unit.name}.json").write_text(json.dumps(sidecar, indent=1) + "\n")
            for name, text in _testbench(unit, configs[unit.family], chosen).items():
                (places[unit.family] / name).write_text(text)
    with standard_output() as stream:
        print("\n".join(f"{folders[unit.family] / unit.name}.v" for unit in units), file=stream)


def _check_testbench(chosen: argparse.Namespace) -> None:
    """Raise `UserError` for a testbench that cannot be, or for its options without one."""
    if not chosen.testbench:
        for name in ("tiles", "seed"):
            if getattr(chosen, name) is not None:
                raise UserError(f"--{name} is of a testbench; give --testbench, too")
        return
    for name, least, most in (("tiles", 1, MOST_TILES), ("seed", 0, 2**32 - 1)):
        value = getattr(chosen, name)
        require(value is None or least <= value <= most, f"--{name} must be {least} to {most}", value)
    from tandemsim.rtl.testbench.files import BENCHES  # loads the models

    for word in chosen.units:
        if word not in UNITS and str(unit := units_named(word)[0]) not in BENCHES:
            have = ", ".join(BENCHES)
            raise UserError(f"{unit} has no streams, and so no testbench; those that have: {have}")


def _testbench(unit: Unit, config: Any, chosen: argparse.Namespace) -> dict[str, str]:
    """Return the files of a unit's testbench by name: none where it has none, or where none is asked for."""
    if not chosen.testbench:
        return {}
    from tandemsim.rtl.testbench.files import BENCHES, files

    if str(unit) not in BENCHES:
        return {}
    tiles = TILES if chosen.tiles is None else chosen.tiles
    seed = SEED if chosen.seed is None else chosen.seed
    return files(str(unit), UNITS[unit.family].by_name[unit.name], config, tiles, seed)


def _require(unit: Unit, config: Any) -> None:
    """Raise `ConfigError` for a unit that a config does not have."""
    if reason := _missing(unit, config):
        raise ConfigError(reason)


def _missing(unit: Unit, config: Any) -> str:
    return UNITS[unit.family].missing(unit.name, config)


def _how_long(unit: Unit, config: Any) -> str:
    """Return what to say of the time that a unit takes, where it is worth a word."""
    seconds = UNITS[unit.family].seconds(unit.name, config)
    return f": about {seconds:.0f} s" if seconds >= LONG_SECONDS else ""


if __name__ == "__main__":
    finish(main)

"""What every command of the project shares: its parser, its exit codes, and one line for what is wrong.

Wrong input is one line on stderr and exit code 2; a fault inside a run is exit code 1. Options are taken by
their whole names alone: an abbreviation would change its meaning when an option is added.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from tandemsim.sim.arch.checks import UserError, nearest, one_line, shown

RUN_FAULT = 1
USER_FAULT = 2


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line. Takes the arguments of `argparse`'s own.

    `speaker` is the name that begins the line; by default that of the program.
    """

    def __init__(self, prog: str | None = None, speaker: str | None = None, **more: Any) -> None:
        more = {"formatter_class": argparse.RawDescriptionHelpFormatter, **more}
        super().__init__(prog, allow_abbrev=False, **more)
        self.speaker = speaker or self.prog

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; refuse ``--option=--`` first, whose value argparse makes an empty list of."""
        for word in sys.argv[1:] if args is None else args:
            option, equals, value = word.partition("=")
            if equals and value == "--" and option in self._option_string_actions:
                self.error(f"argument {option}: expected a value, not '--'")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say `message` and where help is, and exit."""
        tell_fault(self.speaker, message, f"; see {self.prog} --help")
        self.exit(USER_FAULT)

    def refuse(self, word: str) -> NoReturn:
        """Say that `word` is not an argument of this command, and exit."""
        if word.startswith("-"):
            self.error(nearest("option", word.partition("=")[0], self._option_string_actions))
        self.error(f"unexpected argument {shown(word)}")


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a config: ``--preset``, ``--set`` (as `settings`) and ``--config``."""
    parser.add_argument(
        "--preset", metavar="NAME", help="default: the machine's first; see `tandem list presets`"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="set a config field, dotted (array.rows=16) or by short name (rows=16, memory=hbm2):"
        " see `tandem list fields`; may be repeated",
    )
    parser.add_argument(
        "--config",
        metavar="FILE.toml|REPORT.json",
        type=Path,
        help="config fields as TOML, or the config, machine and preset of a report;"
        " where --set, --machine or --preset say otherwise, they win",
    )


def tell_fault(program: str, message: str, advice: str = "") -> None:
    """Say on stderr what is wrong, in one printable line of bounded length."""
    if sys.stderr:  # which a process without a terminal may lack
        print(one_line(program, message, advice), file=sys.stderr)


def answered(program: str, run: Callable[[], object]) -> int:
    """Run a command; return its exit code: 0, or 2 after one line about a mistake of the user's."""
    try:
        run()
    except (UserError, OSError) as error:
        tell_fault(program, str(error))
        return USER_FAULT
    return 0


@contextmanager
def installed_by(program: str, remedy: str) -> Iterator[None]:
    """Turn a package that an import of this block misses into one line, and exit."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "tandemsim":
            raise  # a fault of ours
        tell_fault(program, f"{error.name} is not installed: {remedy}")
        sys.exit(USER_FAULT)

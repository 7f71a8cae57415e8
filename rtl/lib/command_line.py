"""What the commands of the circuits share: one line for what is wrong, the arguments that name a config."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from tandemsim.sim.arch.checks import one_line
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.presets import SALO_PRESETS, SALO_SHORT_NAMES, configured
from tandemsim.sim.arch.settings import keys_named
from tandemsim.sim.shell.command_words import option_without_value
from tandemsim.sim.shell.settings_files import settings_from_arguments

USER_FAULT = 2


def tell_fault(program: str, message: str, advice: str = "") -> None:
    """Say on stderr what is wrong, in one printable line of bounded length."""
    sys.stderr.write(one_line(program, message, advice) + "\n")


@contextmanager
def installed_by(program: str, remedy: str) -> Iterator[None]:
    """Turn the missing package of an import in this block into one line, and exit."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("rtl", "sim"):
            raise  # a fault of ours
        sys.stderr.write(f"{program}: {error.name} is not installed: {remedy}\n")
        sys.exit(USER_FAULT)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; takes ``--preset``, ``--set`` and ``--out``."""

    def __init__(self, folder: str, **more: Any) -> None:
        super().__init__(allow_abbrev=False, **more)
        self.add_argument(
            "--preset",
            metavar="NAME",
            default=next(iter(SALO_PRESETS)),
            help=f"{' or '.join(SALO_PRESETS)} (default: %(default)s)",
        )
        self.add_argument(
            "--set",
            metavar="KEY=VALUE",
            dest="settings",
            action="append",
            default=[],
            help="a config field, as in rows=8, array.exp_latency=2 or numerics=wide; may be repeated",
        )
        self.add_argument("--out", metavar="DIR", default=folder, help="folder (default: %(default)s)")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; refuse ``--option=--`` first, whose value argparse makes an empty list of."""
        words = sys.argv[1:] if args is None else args
        if option := option_without_value(words, self._option_string_actions):
            self.error(f"argument {option}: expected a value, not '--'")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        tell_fault(self.prog, message, f"; see {self.prog} --help")
        self.exit(USER_FAULT)


def config_of(chosen: argparse.Namespace) -> SaloConfig:
    """Return the config that the arguments name; raise `ConfigError` for one that no circuit can have."""
    settings = settings_from_arguments(chosen.settings)
    config = configured("salo", SALO_PRESETS, chosen.preset, settings, SALO_SHORT_NAMES)
    with keys_named(config):
        config.check_circuit()
    return config

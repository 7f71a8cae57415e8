"""What the commands of the circuits share: the arguments that name a config, and that config."""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.settings import keys_named
from tandemsim.sim.shell.command_line import Parser, add_config_options
from tandemsim.sim.shell.settings_files import NOTHING, combined, settings_from_file


class CircuitParser(Parser):
    """The parser of a command that makes circuits: ``--preset``, ``--set``, ``--config`` and ``--out``."""

    def __init__(self, folder: str, **more: Any) -> None:
        super().__init__(**more)
        add_config_options(self)
        self.add_argument("--out", metavar="DIR", default=folder, help="folder (default: %(default)s)")


class Choice(NamedTuple):
    """What the arguments name."""

    preset: str
    settings: dict[str, object]
    config: Any


def choice_of(family: Family, chosen: argparse.Namespace) -> Choice:
    """Return the config of a family that the arguments name, and by which preset and settings they do.

    Raises `ConfigError` as `Family.config` does, and for a config that no circuit can have.
    """
    given = NOTHING if chosen.config is None else settings_from_file(chosen.config)
    if given.machine not in (None, family.name):
        raise ConfigError(f"--config must be of {family.name}, not of {given.machine}")
    preset, settings = combined(family, given, chosen.preset, chosen.settings)
    config = family.config(preset, settings)
    with keys_named(config):
        config.check_circuit()
    return Choice(preset or family.default_preset, settings, config)

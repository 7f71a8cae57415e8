"""What the commands of the circuits share: one line for what is wrong, the arguments that name a config."""

from __future__ import annotations

import argparse
from typing import Any

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.settings import keys_named
from tandemsim.sim.shell.command_line import Parser
from tandemsim.sim.shell.settings_files import settings_from_arguments


class CircuitParser(Parser):
    """The parser of a command that makes circuits: takes ``--preset``, ``--set`` and ``--out``."""

    def __init__(self, folder: str, **more: Any) -> None:
        super().__init__(**more)
        self.add_argument(
            "--preset",
            metavar="NAME",
            default=SALO_FAMILY.default_preset,
            help=f"{' or '.join(SALO_FAMILY.presets)} (default: %(default)s)",
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


def config_of(chosen: argparse.Namespace) -> SaloConfig:
    """Return the config that the arguments name; raise `ConfigError` for one that no circuit can have."""
    settings = settings_from_arguments(chosen.settings)
    config = SALO_FAMILY.config(chosen.preset, settings)
    with keys_named(config):
        config.check_circuit()
    return config

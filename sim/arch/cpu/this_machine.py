"""The preset `this-machine`: a file of settings that `tandem calibrate` has written, in the user's folder.

The folder is the one that TANDEM_CONFIG_DIR names, else `tandemsim` below XDG_CONFIG_HOME, else below
`~/.config`. The file is JSON: ``settings`` are fields by dotted names, as ``--set`` takes them, over those of
the default preset.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, shown, shown_path
from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.settings import with_settings

THIS_MACHINE = "this-machine"
SCHEMA = "tandem-this-machine/1"

ADVICE = "`tandem calibrate` (make calibrate-cpu) measures this machine and writes it"


def measured_path() -> Path:
    """Return where the measured settings are, or will be."""
    given = os.environ.get("TANDEM_CONFIG_DIR")
    if given:
        return Path(given) / "this-machine.json"
    above = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(above) / "tandemsim" / "this-machine.json"


def measured_config(base: CpuConfig) -> CpuConfig:
    """Return `base` with what was measured. Raises `ConfigError` for a file that is missing or broken."""
    path = measured_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"preset {THIS_MACHINE} has not been measured yet; {ADVICE}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{shown_path(path)} is not a readable JSON file: {error}; {ADVICE}") from error
    schema = found.get("schema") if isinstance(found, Mapping) else None
    if schema != SCHEMA or not isinstance(found.get("settings"), Mapping):
        raise ConfigError(f"{shown_path(path)} must be of schema {SCHEMA}, not {shown(schema)}; {ADVICE}")
    return with_measured(base, found["settings"])


def with_measured(base: CpuConfig, settings: Mapping[str, object]) -> CpuConfig:
    """Return `base` with settings in place; its DRAM is a bandwidth, since no more of one is measured."""
    return with_settings(replace(base, dram=DRAMS["ideal"], dram_sustained=1.0), settings)

"""A config that is there as an object, said as a preset and settings: what ``--set`` would have to be given.

So a run has one way in, and its report says in words what its machine differs in.
"""

from __future__ import annotations

from typing import Any

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.arch.salo.presets import SECTIONS
from tandemsim.sim.arch.settings import fields_of
from tandemsim.sim.machines.table import MACHINES, Machine


def machine_of(config: object) -> Machine:
    """Return the machine that `config` is of. Raises `TypeError` for what is not a config."""
    for machine in MACHINES.values():
        if any(type(config) is type(own) for own in machine.presets.values()):
            return machine
    raise TypeError(f"config must be a machine's, such as tandemsim.presets['salo'], not {shown(config)}")


def as_settings(machine: Machine, config: Any) -> tuple[str, dict[str, object]]:
    """Return the preset that `config` differs least from, and the settings that make `config` of it.

    Raises `TypeError` for what is not a config of this machine.
    """
    kind = type(next(iter(machine.presets.values())))
    if type(config) is not kind:
        rule = f"config must be a {kind.__name__}, such as tandemsim.presets[{next(iter(machine.presets))!r}]"
        raise TypeError(f"{rule}, not {shown(config)}")
    found = {preset: _differences(own, config) for preset, own in machine.presets.items()}
    preset = min(found, key=lambda name: len(found[name]))
    settings = found[preset]
    for _ in range(2):  # once more: fields that follow from others are given where they do not
        settings |= _differences(machine.config(preset, settings), config)
    if machine.config(preset, settings) != config:
        raise ConfigError(f"config differs from the preset {preset!r} in more than settings can say")
    return preset, settings


def _differences(own: Any, config: Any) -> dict[str, object]:
    """Return settings for what `config` has otherwise; a section of a catalog by its name there."""
    settings: dict[str, object] = {}
    for key, (section, choices) in SECTIONS.items():
        wanted = getattr(config, section)
        names = [name for name, choice in choices.items() if choice == wanted]
        if names and wanted != getattr(own, section):
            settings[key] = names[0]
    named = tuple(f"{SECTIONS[key][0]}." for key in settings)
    before = {name: value for name, value, _ in fields_of(own)}
    for name, value, _ in fields_of(config):
        if not name.startswith(named) and (name not in before or before[name] != value):
            settings[name] = value
    return settings

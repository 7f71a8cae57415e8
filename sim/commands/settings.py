"""Machine, preset and settings of a run: what a config file says and, on top, what the command line says."""

from __future__ import annotations

from collections.abc import Iterable

from tandemsim.sim.arch.salo.presets import SECTIONS
from tandemsim.sim.machines.table import MACHINES, machine_named
from tandemsim.sim.shell.settings_files import Given, changed, merged, settings_from_arguments

NOTHING = Given({}, {})  # what a config file says that nobody named


def settings_of(
    given: Given, machine: str | None, preset: str | None, words: Iterable[str]
) -> tuple[str | None, str | None, dict[str, object]]:
    """Return machine, preset and settings; `words` are ``key=value``. Raises `ConfigError`."""
    name = given.machine if machine is None else machine
    preset = given.preset if preset is None else preset
    known = machine_named(next(iter(MACHINES)) if name is None else name)
    on_top, settings = settings_from_arguments(words), given.settings
    if given.config:
        # Settings as they were given, and what else differs, say because a preset has changed since. Of a
        # section that the command line puts in place no field of the one before is kept.
        replaced = tuple(f"{SECTIONS[key][0]}." for key in on_top if key in SECTIONS)
        other = changed(known.config(preset, settings), given.config)
        other = {key: value for key, value in other.items() if not key.startswith(replaced)}
        settings = merged(settings, other, known.short_names)
    return name, preset, merged(settings, on_top, known.short_names)

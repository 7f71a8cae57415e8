"""The table of machines: name -> presets, what it runs, and what `--set` takes by a short name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.salo.presets import SALO_PRESETS, SALO_SHORT_NAMES, configured
from tandemsim.sim.arch.settings import canonical_settings

PRESET_LINES = {
    "salo": "what we would build: deferred division, two column segments, private global ports, DDR4-2400",
    "salo-dac22": "what was published: division in each pass, every chunk runs, no memory bottleneck",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine. The first of its presets is the default."""

    name: str
    line: str  # what it is, for `sim list`
    presets: Mapping[str, Any]
    short_names: Mapping[str, str]
    fixed: Mapping[str, str]  # short names of other machines that this one cannot set, and why
    runs: frozenset[str]  # kinds of ops
    runner: str  # module with `run(trace, machine, preset, config, ...) -> Run`

    def config(self, preset: str | None, settings: Mapping[str, object]) -> Any:
        """Return a preset's config with `settings` in place; whole sections come before fields."""
        for key in settings:
            if key in self.fixed:
                raise ConfigError(f"config key {key!r} cannot be set: {self.fixed[key]}")
        return configured(self.name, self.presets, preset, settings, self.short_names)

    def stated(self, config: Any, settings: Mapping[str, object]) -> dict[str, Any]:
        """Return `settings` by whole field names, with the values that they have in `config`."""
        return canonical_settings(config, settings, self.short_names)


MACHINES = {
    machine.name: machine
    for machine in (
        Machine(
            name="salo",
            line="SALO, DAC 2022: spatial array for sliding-window, dilated and global attention",
            presets=SALO_PRESETS,
            short_names=SALO_SHORT_NAMES,
            fixed={"dataflow": "the wiring keeps queries in place for QK and probabilities for PV"},
            runs=frozenset({"window_attention"}),
            runner="tandemsim.sim.machines.salo.outcome",
        ),
    )
}


def machine_named(name: str) -> Machine:
    """Return a machine by name; `ConfigError` names the nearest of an unknown one."""
    if name not in MACHINES:
        raise ConfigError(nearest("machine", name, MACHINES))
    return MACHINES[name]


def default_machine(kinds: set[str]) -> str:
    """Return the machine for a trace with ops of these kinds: the first that runs any of them."""
    for machine in MACHINES.values():
        if machine.runs & kinds:
            return machine.name
    raise ConfigError(f"no machine runs any op of this trace; machines run {', '.join(sorted(_all_kinds()))}")


def _all_kinds() -> set[str]:
    return {kind for machine in MACHINES.values() for kind in machine.runs}

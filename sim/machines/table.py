"""The table of machines: name -> what runs, on which family of configurations.

A new machine adds one line here, and one in `sim.arch.families`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.machines.contract import Machine
from tandemsim.sim.machines.salo.machine import Salo

MACHINES: Mapping[str, Machine] = {machine.family.name: machine for machine in (Salo(),)}


def machine_named(name: str) -> Machine:
    """Return a machine by name; `ConfigError` names the nearest of an unknown one."""
    if name not in MACHINES:
        raise ConfigError(nearest("machine", name, MACHINES))
    return MACHINES[name]


def default_machine(kinds: Set[str]) -> str:
    """Return the machine for a trace with ops of these kinds: the first that runs any of them."""
    for name, machine in MACHINES.items():
        if machine.runs & kinds:
            return name
    known = sorted({kind for machine in MACHINES.values() for kind in machine.runs})
    raise ConfigError(f"no machine runs any op of this trace; machines run {', '.join(known)}")

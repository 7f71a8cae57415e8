"""The table of machines: name -> what runs, on which family of configurations.

A new machine adds one line here, and one in `sim.arch.families`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.machines.ant.machine import Ant
from tandemsim.sim.machines.contract import Machine
from tandemsim.sim.machines.cpu.machine import Cpu
from tandemsim.sim.machines.fused.machine import Fused
from tandemsim.sim.machines.salo.machine import Salo
from tandemsim.sim.serving.joint import tenants_of
from tandemsim.traces.schema import Trace

NO_OPS = "the trace has no ops, so there is nothing to run"

MACHINES: Mapping[str, Machine] = {
    machine.family.name: machine for machine in (Salo(), Ant(), Fused(), Cpu())
}


def machine_named(name: str) -> Machine:
    """Return a machine by name; `ConfigError` names the nearest of an unknown one."""
    if name not in MACHINES:
        raise ConfigError(nearest("machine", name, MACHINES))
    return MACHINES[name]


def default_machine(kinds: Set[str], preset: str | None = None) -> str:
    """Return the machine for a trace with ops of these kinds: the first that is the default for any of them.

    No two machines have presets of one name, so that one names its machine, too. Raises `ConfigError`
    where no machine runs any of them.
    """
    for name, machine in MACHINES.items():
        if preset in machine.family.presets or preset in machine.family.measured:
            return name
    for name, machine in MACHINES.items():
        if machine.default_for & kinds:
            return name
    if not kinds:
        raise ConfigError(NO_OPS)
    found = f"it has {', '.join(sorted(kinds))}"
    raise ConfigError(f"no machine runs any kind of op in this trace: {found}")


def machine_for(trace: Trace, preset: str | None = None) -> str:
    """Return the machine for a trace: for a mix the CPU, else as `default_machine` says."""
    if tenants_of(trace):
        return CPU_FAMILY.name
    return default_machine({op.kind for op in trace.ops}, preset)


def running(trace: Trace) -> dict[str, int]:
    """Return the machines that run ops of a trace as they are by default, and how many ops each runs."""
    counts = {}
    for name, machine in MACHINES.items():
        config = machine.family.config(None, {})
        ops = [op for op in trace.ops if op.kind in machine.runs]
        counts[name] = sum(machine.declines(op, config) is None for op in ops)
    return {name: count for name, count in counts.items() if count}

"""``tandem list``: the machines, their presets and the checked-in workloads, a line each."""

from __future__ import annotations

from sim.arch.checks import ConfigError, nearest
from sim.arch.files import standard_output
from sim.machines import MACHINES, PRESET_LINES
from traces import codec


def show(what: str | None) -> None:
    """Print one section, or all with their titles; `ConfigError` names the nearest of an unknown one."""
    sections = {
        "machines": {name: machine.line for name, machine in MACHINES.items()},
        "presets": {
            name: f"{machine.name}: {PRESET_LINES[name]}"
            for machine in MACHINES.values()
            for name in machine.presets
        },
        "workloads": _workload_lines(),
    }
    if what is not None and what not in sections:
        raise ConfigError(nearest("list", what, sections))
    with standard_output() as out:
        for title in [what] if what else sections:
            if not what:
                print(f"{title}:", file=out)
            width = max(len(name) for name in sections[title])
            for name, line in sections[title].items():
                print(f"  {name:<{width}}  {line}", file=out)


def _workload_lines() -> dict[str, str]:
    lines = {}
    for name in codec.names():
        trace = codec.load(codec.find(name))
        lengths = [op.dim("seq_len") for op in trace.ops if op.kind == "window_attention"]
        windows = f", {len(lengths)} window attentions of up to {max(lengths)} tokens" if lengths else ""
        lines[name] = f"{len(trace.ops)} ops, {trace.macs / 1e9:.1f} GMAC{windows}"
    return lines

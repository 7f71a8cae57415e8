"""Every machine of the table and the toy machine, with a small trace that each of them runs."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from tandemsim.sim.machines import table
from tandemsim.sim.machines.contract import Machine
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.traces.scalesim import from_csv
from tandemsim.traces.schema import Trace
from tests.machines.toy.machine import Toy

ALL: dict[str, Machine] = {**table.MACHINES, "toy": Toy()}

# Kind of op -> a small trace with ops of it. A machine must run one of these; a new kind adds its own.
SMALL: dict[str, Trace] = {
    "window_attention": pattern_trace("sliding:96,9", heads=2, head_dim=16, global_tokens=1),
    "gemm": from_csv("Layer,M,N,K\nfirst,33,20,7\nsecond,5,64,9\n", "gemms")[0],
}
PRESETS = [(name, preset) for name, machine in ALL.items() for preset in machine.family.presets]


@pytest.fixture(autouse=True)
def with_the_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MACHINES", MappingProxyType(ALL))


@pytest.fixture(params=PRESETS, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[Machine, str, Trace]:
    """A machine, one of its presets, and a trace that it runs."""
    name, preset = request.param
    return ALL[name], preset, trace_for(ALL[name])


def trace_for(machine: Machine) -> Trace:
    """Return a small trace with an op that `machine` runs."""
    for kind, trace in SMALL.items():
        if kind in machine.runs:
            return trace
    raise AssertionError(f"tests/machines has no small trace of a kind in {sorted(machine.runs)}")

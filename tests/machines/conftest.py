"""Every machine of the table and the toy machine, with a small trace that each of them runs."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from tandemsim.sim.machines import table
from tandemsim.sim.machines.contract import Machine
from tandemsim.traces.schema import Trace
from tests.machines.toy.machine import Toy

ALL: dict[str, Machine] = {**table.MACHINES, "toy": Toy()}

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
    """Return the small trace of `machine`, which has an op that it runs."""
    small = machine.small()
    assert any(op.kind in machine.runs for op in small.ops)
    return small

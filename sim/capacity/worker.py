"""A process that runs points of served mixes; `sim.sweep.pool` starts it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec

from tandemsim.sim.capacity.point_run import runner
from tandemsim.sim.capacity.scenario import Scenario
from tandemsim.sim.sweep.frames import Work
from tandemsim.sim.sweep.point_run import Outcome
from tandemsim.sim.sweep.worker import answer
from tandemsim.traces import codec


class Setup(msgspec.Struct, frozen=True):
    """What a process needs once: scenarios, and the documents of their traces by workload."""

    scenarios: tuple[Scenario, ...]
    traces: dict[str, bytes]


_SETUP = msgspec.msgpack.Decoder(Setup)


def run_of(setup_bytes: bytes) -> Callable[[Work], Outcome]:
    """Return what runs a point of a setup."""
    setup = _SETUP.decode(setup_bytes)
    traces = {name: codec.loads(document, file=name) for name, document in setup.traces.items()}
    return runner(setup.scenarios, traces)


if __name__ == "__main__":
    answer(int(sys.argv[1]), run_of)

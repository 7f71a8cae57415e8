"""A process that runs points: ``tandemsim.sim.sweep.worker``, started by `sim.sweep.pool`, and not by people.

Its argument is the handle of a file with the `Setup`. Points come in at standard input, outcomes go out at
standard output; the first message says that it is ready. It ends with its standard input, even in the middle
of a point, so that it never outlives the sweep, however that ended.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable

from tandemsim.sim.machines.table import machine_named
from tandemsim.sim.run import Request, simulate
from tandemsim.sim.sweep.frames import SETUP, WORK, Incoming, Work, framed
from tandemsim.sim.sweep.point_run import Outcome, run_point
from tandemsim.traces import codec

READY = b"ready"


def main(setup_handle: int) -> None:
    answer(setup_handle, _runner)


def _runner(setup_bytes: bytes) -> Callable[[Work], Outcome]:
    setup = SETUP.decode(setup_bytes)
    traces = {name: codec.loads(document, file=name) for name, document in setup.traces.items()}
    _warm(setup.machines)
    return lambda work: run_point(work.number, work.point, traces)


def answer(setup_handle: int, runner: Callable[[bytes], Callable[[Work], Outcome]]) -> None:
    """Answer points, and never return. `runner` makes of the setup what runs a point."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which ends its processes
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not stand between messages
    waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(waiting,), daemon=True).start()
    run = runner(os.pread(setup_handle, os.fstat(setup_handle).st_size, 0))
    _send(out, framed(READY))
    while True:
        _send(out, framed(run(waiting.get())))


def _receive(waiting: queue.SimpleQueue[Work]) -> None:
    incoming = Incoming(0)
    while not incoming.ended:
        for message in incoming.read():
            waiting.put(WORK.decode(message))
    os._exit(0)


def _warm(machines: list[str]) -> None:
    """Load the kernels, or compile them, before the time of any point begins to count."""
    for machine in machines:
        simulate(Request(workload="small", trace=machine_named(machine).small(), machine=machine))


def _send(handle: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(handle, data) :]
    except BrokenPipeError:
        os._exit(0)  # the sweep has ended


if __name__ == "__main__":
    main(int(sys.argv[1]))

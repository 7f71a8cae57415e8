"""A worker: a process that runs case after case, told by and telling the campaign over one socket.

``python -m tests.fuzz.worker FD MODULE``: a line ``mode seed`` comes in; out go lines of JSON, one when a
command begins, so that the campaign knows whom it waits for, and one with what was found.
"""

from __future__ import annotations

import importlib
import json
import resource
import socket
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from tests.fuzz.judge import Judge, called
from tests.fuzz.modes import Mode, generator

MOST_BYTES = 6 << 30  # of address space beyond what an idle worker has: the machine survives every case
WARM = ("run", "--pattern", "longformer:40,8", "--heads", "2", "--head-dim", "4", "--functional")


def serve(stream: Any, modes: dict[str, Mode]) -> None:
    """Answer cases until there are none."""
    warm_up()

    def tell(**what: object) -> None:
        stream.write(json.dumps(what) + "\n")
        stream.flush()

    tell(ready=True)
    for line in stream:
        name, seed = line.split()
        tell(**judged(name, int(seed), modes, lambda command: tell(begun=command)))


def judged(name: str, seed: int, modes: dict[str, Mode], begun: Any) -> dict[str, Any]:
    """Run one case; return whether it was refused, and its faults."""
    with Judge(begun) as judge:
        try:
            modes[name].case(generator(name, seed), judge)
        except Exception as error:  # the mode could not go on with what it got
            place = traceback.extract_tb(error.__traceback__)[-1]
            judge.fault(f"{type(error).__name__} in {place.name}, line {place.lineno}: {str(error)[:300]}")
        refused = judge.commands > 0 and judge.refused == judge.commands
        return {"refused": refused, "faults": judge.faults}


def warm_up() -> None:
    """Have every kernel compiled and every library loaded that a usual case needs."""
    from tandemsim.sim.__main__ import main

    for more in ((), ("--set", "memory=ideal")):
        answer = called(main, [*WARM, *more])
        if answer.code:
            sys.exit(f"fuzz: the worker cannot run: {answer.err}")
    size = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_BYTES,) * 2)
    warnings.filterwarnings("always", module=r"(sim|traces)\.")  # each is a line that nobody asked for


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection.makefile("rw"), importlib.import_module(sys.argv[2]).MODES)

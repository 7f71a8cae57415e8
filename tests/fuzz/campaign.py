"""A campaign: a few workers that live long, each watched; a case that hangs or kills its worker is a finding.

Time is the worker's own, so that a busy machine makes no findings: 20 s of a processor for one command, or a
minute without an answer.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LONGEST_CPU_SECONDS = 20.0
LONGEST_SECONDS = 60.0
START_SECONDS = 600.0  # a worker that compiles every kernel, on a slow machine
TICK = 0.25


class Verdict(NamedTuple):
    """What became of a case."""

    mode: str
    seed: int
    refused: bool
    faults: tuple[str, ...]


class Worker:
    """A process that is at one case, or none."""

    def __init__(self, module: str) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.fuzz.worker", str(theirs.fileno()), module]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        self.process = subprocess.Popen(
            command,
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches the campaign alone, which ends its workers
        )
        theirs.close()
        self.socket = ours
        self.case: tuple[str, int] | None = None
        self.command = "starting"
        self._rest = b""
        self._rewind()

    def give(self, case: tuple[str, int]) -> None:
        self.case = case
        self.command = "making the case"
        self._rewind()
        self.socket.sendall(f"{case[0]} {case[1]}\n".encode())

    def hear(self) -> Iterator[dict[str, object]]:
        """Yield what the worker said. Raises `EOFError` when it has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._rewind()
            yield json.loads(line)

    def overdue(self, longest: float) -> str:
        """Return why the worker is not waited for any longer; an empty text while it is."""
        if self.case is None:
            return ""
        spent, waited = _cpu_seconds(self.process.pid) - self._spent, time.monotonic() - self._since
        if spent > longest:
            return f"no answer within {longest:g} s of a processor"
        return (
            f"no answer within {waited:.0f} s"
            if waited > longest * LONGEST_SECONDS / LONGEST_CPU_SECONDS
            else ""
        )

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()

    def _rewind(self) -> None:
        self._since, self._spent = time.monotonic(), _cpu_seconds(self.process.pid)


def run(
    cases: Iterable[tuple[str, int]],
    jobs: int,
    done: Callable[[Verdict], None],
    module: str = "tests.fuzz.modes",
    longest: float = LONGEST_CPU_SECONDS,
) -> None:
    """Run cases of the modes in `module` on `jobs` workers; `done` hears of each."""
    left = iter(cases)
    workers: dict[int, Worker] = {}
    try:
        _add(workers, module)  # alone at first, so that only one compiles
        _started(next(iter(workers.values())))
        for _ in range(jobs - 1):
            _add(workers, module)
        while True:
            for worker in workers.values():
                if worker.case is None and worker.command != "starting" and (case := next(left, None)):
                    worker.give(case)
            if not any(worker.case or worker.command == "starting" for worker in workers.values()):
                return
            _turn(workers, module, done, longest)
    finally:
        for worker in workers.values():
            worker.end()


def _turn(workers: dict[int, Worker], module: str, done: Callable[[Verdict], None], longest: float) -> None:
    """Hear what the workers say, and replace those that have died or are overdue."""
    ready, _, _ = select.select(list(workers), [], [], TICK)
    for descriptor, worker in list(workers.items()):
        fault = ""
        try:
            for said in worker.hear() if descriptor in ready else ():
                _take(worker, said, done)
        except EOFError:
            fault = f"ended the process with {worker.process.wait()}"
        fault = fault or worker.overdue(longest)
        if fault:
            if worker.case is None:
                raise RuntimeError(f"fuzz: a worker {fault} before its first case")
            del workers[descriptor]
            worker.end()
            done(Verdict(*worker.case, False, (f"{fault}; of {worker.command!a}",)))
            _add(workers, module)


def _take(worker: Worker, said: dict[str, object], done: Callable[[Verdict], None]) -> None:
    if "begun" in said:
        worker.command = str(said["begun"])
    elif "ready" in said:
        worker.command = "idle"
    elif worker.case:
        verdict = Verdict(*worker.case, bool(said["refused"]), tuple(said["faults"]))  # type: ignore[arg-type]
        worker.case = None
        done(verdict)


def _add(workers: dict[int, Worker], module: str) -> None:
    worker = Worker(module)
    workers[worker.socket.fileno()] = worker


def _started(worker: Worker) -> None:
    if not select.select([worker.socket], [], [], START_SECONDS)[0]:
        raise RuntimeError("fuzz: the worker does not start")


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

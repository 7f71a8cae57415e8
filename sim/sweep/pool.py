"""Processes that run points, and that may die at any moment: each point they had is run by another one.

Python's own pool (`concurrent.futures`) ends as a whole when one of its processes is killed, and neither it
nor multiprocessing starts processes inside a worker of a cluster, which is a daemon. So a process here is a
command with two pipes. It gets several points at once, so that it never waits for the next one; since it runs
them in order, the one that it is at is known: whose time runs out, or which to suspect when it dies.
"""

from __future__ import annotations

import selectors
import signal
import subprocess
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from tandemsim.sim.engine.kernel_cache import is_cold
from tandemsim.sim.shell.modules import module_command
from tandemsim.sim.shell.stopping import add_cleaner, remove_cleaner, unstopped
from tandemsim.sim.sweep.frames import OUTCOME, Incoming, Work, framed
from tandemsim.sim.sweep.point_run import FAILED, TIMED_OUT, Outcome, SweepError

MODULE = "tandemsim.sim.sweep.worker"
# All assumed.
MAX_DEATHS = 3  # of the process that runs a point, until the point is taken for the cause
MAX_FALSE_STARTS = 3  # processes in a row that ended before they were ready
START_SECONDS = 600.0  # until a process is ready; compiling the kernels takes half a minute of a free CPU
AHEAD_SECONDS = 0.05  # work that a process has waiting, so that it is never idle; long points do not wait
MOST_AHEAD = 32  # points; their messages fit into a pipe


class Pool:
    """Some processes with the same setup. Use as a context manager, or `close` it."""

    def __init__(self, setup: bytes, workers: int, limit: float | None = None, module: str = MODULE) -> None:
        """`limit`: seconds that a point may take. `module`: what a process runs, on a handle of `setup`."""
        self.workers, self.limit, self._module = workers, limit, module
        self._setup = _shared(setup)
        self._processes: list[_Process] = []
        self._selector = selectors.DefaultSelector()
        self._deaths: Counter[int] = Counter()
        self._false_starts = 0
        self._is_cold = is_cold()
        add_cleaner(self._kill)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]:
        """Yield the outcome of each point as it comes, in any order."""
        self._deaths.clear()  # numbers mean other points now
        coming = iter(points)
        again: deque[Work] = deque()  # points of processes that have died
        more = True
        while True:
            self._start()
            for process in self._processes:
                while more or again:
                    if not process.has_room():
                        break
                    work = again.popleft() if again else next(coming, None)
                    if work is None:
                        more = False
                        break
                    process.give(work)
            if not (more or again or any(process.given for process in self._processes)):
                return
            for process in self._ready():
                yield from self._received(process, again)
            yield from self._late(again)

    def close(self) -> None:
        """End all processes."""
        self._kill()
        remove_cleaner(self._kill)
        for process in self._processes:
            process.ended()
        self._processes.clear()
        self._selector.close()
        self._setup.close()

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _start(self) -> None:
        """Replace what has died. While kernels are not compiled yet, one process compiles them for all."""
        self._is_cold = self._is_cold and not any(process.is_ready for process in self._processes)
        wanted = 1 if self._is_cold else self.workers
        while len(self._processes) < wanted:
            with unstopped():  # or a process could start and nobody would end it
                process = _Process(self._module, self._setup.fileno())
                self._processes.append(process)
            self._selector.register(process.incoming.handle, selectors.EVENT_READ, process)

    def _ready(self) -> list[_Process]:
        """Wait for messages, but not longer than until the first process's time runs out."""
        ends = [end for process in self._processes if (end := process.end(self.limit)) is not None]
        wait = max(0.0, min(ends) - time.monotonic()) if ends else None
        return [key.data for key, _ in self._selector.select(wait)]

    def _received(self, process: _Process, again: deque[Work]) -> Iterator[Outcome]:
        for message in process.incoming.read():
            if not process.is_ready:
                process.is_ready, process.since = True, time.monotonic()
                self._false_starts = 0
                continue
            process.finished()
            yield OUTCOME.decode(message)
        if process.incoming.ended:
            yield from self._died(process, again)

    def _died(self, process: _Process, again: deque[Work]) -> Iterator[Outcome]:
        code = self._removed(process)
        if not process.is_ready:
            self._false_starts += 1
            if self._false_starts >= MAX_FALSE_STARTS:
                how = f"not ready after {START_SECONDS:g} s" if process.is_late else _said(code)
                raise SweepError(f"the worker processes do not start ({how}): {process.last_words()}")
        elif process.given:
            suspect = process.given[0].number
            self._deaths[suspect] += 1
            if self._deaths[suspect] >= MAX_DEATHS:
                process.given.popleft()
                yield Outcome(
                    suspect, FAILED, f"the process that ran it ended {MAX_DEATHS} times ({_said(code)})"
                )
        again.extendleft(reversed(process.given))
        process.ended()

    def _late(self, again: deque[Work]) -> Iterator[Outcome]:
        """End the processes that have taken too long, unless a message has come meanwhile."""
        for process in [*self._processes]:
            end = process.end(self.limit)
            if end is None or time.monotonic() < end:
                continue
            if any(key.data is process for key, _ in self._selector.select(0)):
                continue
            process.kill()
            if not process.is_ready:
                process.is_late = True
                yield from self._died(process, again)
                continue
            assert self.limit is not None
            self._removed(process)
            late = process.given.popleft()
            yield timed_out(late.number, self.limit)
            again.extendleft(reversed(process.given))
            process.ended()

    def _removed(self, process: _Process) -> int:
        self._selector.unregister(process.incoming.handle)
        self._processes.remove(process)
        return process.process.wait()


class _Process:
    """One process, and the points that it has been given and has not answered yet."""

    def __init__(self, module: str, setup: int) -> None:
        # What it says on stderr, as of a failed import.
        self.words = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `ended`
        self.process = subprocess.Popen(
            module_command(module, str(setup)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            pass_fds=(setup,),
            start_new_session=True,  # so that a terminal's Ctrl-C does not reach it
        )
        assert self.process.stdin and self.process.stdout
        self.incoming = Incoming(self.process.stdout.fileno())
        self.given: deque[Work] = deque()
        self.is_ready, self.is_late = False, False
        self.since = self._begun = time.monotonic()  # when its present point began
        self._seconds = 0.0  # that a point takes, smoothed

    def end(self, limit: float | None) -> float | None:
        """Return when its time runs out: that of its point, or that for getting ready."""
        if not self.is_ready:
            return self._begun + START_SECONDS
        return self.since + limit if self.given and limit is not None else None

    def has_room(self) -> bool:
        """Whether it should get one more point."""
        if not self.given:
            return True
        ahead = int(AHEAD_SECONDS / self._seconds) if self._seconds else 0
        return len(self.given) <= min(ahead, MOST_AHEAD)

    def give(self, work: Work) -> None:
        if not self.given:
            self.since = time.monotonic()
        self.given.append(work)
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it has died; the end of its output will tell
            self.process.stdin.write(framed(work))
            self.process.stdin.flush()

    def finished(self) -> None:
        """Its present point is done, and it goes on with the next."""
        now = time.monotonic()
        took = max(now - self.since, 1e-6)
        self._seconds = took if not self._seconds else 0.8 * self._seconds + 0.2 * took
        self.given.popleft()
        self.since = now

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()

    def last_words(self) -> str:
        self.words.seek(0)
        lines = self.words.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def ended(self) -> None:
        """Let go of what belongs to it."""
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.words):
            with suppress(OSError):  # a message that it never took
                if stream:
                    stream.close()


def timed_out(number: int, limit: float) -> Outcome:
    """Return the outcome of a point that took too long."""
    return Outcome(number, TIMED_OUT, f"took longer than the point timeout of {limit:g} s", limit=limit)


def _said(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _shared(setup: bytes) -> BinaryIO:
    """A file without a name, which every process reads as a whole."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the pool
    file.write(setup)
    file.flush()
    return file

"""Points run in batches, in several processes, and remembered: what a journal has is not run again.

The points of a batch may follow from the rows of those before it. Since rows depend on points alone, the
numbers of the points are the same each time, and the journal of a search that was killed is the beginning
of its next one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

from tandemsim.sim.arch.checks import ConfigError, digest
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.capacity.point_run import runner
from tandemsim.sim.capacity.scenario import Scenario
from tandemsim.sim.capacity.worker import Setup
from tandemsim.sim.engine.kernel_cache import code_digest
from tandemsim.sim.run import tell_of_compilation
from tandemsim.sim.shell.files import refusals
from tandemsim.sim.shell.temporaries import new_parents
from tandemsim.sim.shell.version import __version__
from tandemsim.sim.sweep.frames import Work, packed
from tandemsim.sim.sweep.journal import Header, Journal
from tandemsim.sim.sweep.point_run import INVALID, OK, Outcome, SweepError
from tandemsim.sim.sweep.pool import Pool
from tandemsim.sim.sweep.runner import cpus
from tandemsim.traces import codec

MODULE = "tandemsim.sim.capacity.worker"
SCHEMA = "tandem-serving-points/1"
OPEN = 0  # points of a journal whose study decides on the way
WHAT = "search"  # what messages call that which writes a journal


class Executor(Protocol):
    """Whatever runs points: this process, or several."""

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]: ...
    def close(self) -> None: ...


class Runs:
    """Runs points of some scenarios. Use as a context manager."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        *,
        study: object,
        workers: int,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`study`: plain values that say what the points are of. `folder`: keeps their journal.

        Raises `FolderError` where the folder holds something else.
        """
        self.scenarios, self.workers = tuple(scenarios), workers
        self._progress = progress
        workloads = {tenant.workload for scenario in scenarios for tenant in scenario.tenants}
        self.traces = {name: codec.load(codec.find(name)) for name in sorted(workloads)}
        self._study = digest([study, {name: trace.digest for name, trace in self.traces.items()}])
        self._folder = folder
        self._stack = ExitStack()
        self._executor: Executor | None = None
        self._numbered = 0
        self._rows: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._folder is None:
                place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            else:
                with refusals(self._folder):
                    stack.enter_context(new_parents(self._folder))
                place = self._folder
            header = Header(SCHEMA, __version__, code_digest(), self._study, OPEN)
            self._journal = stack.enter_context(Journal(place, header, self._folder, WHAT))
            self._rows = {
                outcome.number: outcome.row for outcome in self._journal.read() if outcome.status == OK
            }
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._executor is not None:
                self._executor.close()
            self._journal.sync()
        finally:
            self._stack.close()

    def rows(self, what: str, points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the row of each point; `what` is what progress calls them.

        Raises `ConfigError` for a point that the user must mend, and `SweepError` for one that failed.
        """
        first = self._numbered
        self._numbered += len(points)
        numbers = range(first, self._numbered)
        missing = [
            Work(number, dict(points[number - first])) for number in numbers if number not in self._rows
        ]
        done = len(points) - len(missing)
        self._tell(what, done, len(points))
        for outcome in self._start(len(missing)).run(missing) if missing else ():
            _require_ok(outcome)
            self._journal.add(outcome)
            self._rows[outcome.number] = outcome.row
            done += 1
            self._tell(what, done, len(points))
        return [self._rows[number] for number in numbers]

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._progress:
            self._progress(what, done, total)

    def _start(self, missing: int) -> Executor:
        if self._executor is None:
            tell_of_compilation(self._progress)
            if min(self.workers, missing) == 1:
                self._executor = _Here(self.scenarios, self.traces)
            else:
                documents = {name: codec.dumps(trace) for name, trace in self.traces.items()}
                setup = packed(Setup(self.scenarios, documents))
                self._executor = Pool(setup, min(self.workers, max(missing, cpus())), module=MODULE)
        return self._executor


class _Here:
    """Runs points in this process."""

    def __init__(self, scenarios: tuple[Scenario, ...], traces: Mapping[str, Any]) -> None:
        self._run = runner(scenarios, traces)

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]:
        return map(self._run, points)

    def close(self) -> None:
        pass


def _require_ok(outcome: Outcome) -> None:
    if outcome.status == INVALID:
        raise ConfigError(outcome.reason)
    if outcome.status != OK:
        raise SweepError(outcome.reason)

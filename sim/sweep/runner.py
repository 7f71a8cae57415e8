"""A sweep from its study to its table: outcomes that are there are read, those that are missing are run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.engine.kernel_cache import code_digest
from tandemsim.sim.run import tell_of_compilation
from tandemsim.sim.shell.files import refusals, require_writable_folder
from tandemsim.sim.shell.temporaries import new_parents
from tandemsim.sim.shell.version import __version__
from tandemsim.sim.sweep.fields import Fields
from tandemsim.sim.sweep.frames import Setup, Work, packed
from tandemsim.sim.sweep.journal import NAME, SCHEMA, FolderError, Header, Journal
from tandemsim.sim.sweep.point_run import TIMED_OUT, Outcome, SweepError
from tandemsim.sim.sweep.pool import Pool
from tandemsim.sim.sweep.result import PAGE, PLOT, TABLE, SweepResult
from tandemsim.sim.sweep.space import Space
from tandemsim.sim.sweep.study import Study, read_study
from tandemsim.sim.sweep.table import make_table
from tandemsim.traces import codec

MAX_WORKERS = 4096  # assumed
MAX_SECONDS = 1e7  # of a point; assumed: four months
__all__ = ["SweepError", "SweepResult", "sweep"]
POINTS = "points"  # what progress counts


class Executor(Protocol):
    """Whatever runs points: processes here, or a cluster."""

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]: ...
    def close(self) -> None: ...


def sweep(
    study: Study | str | os.PathLike[str] | Mapping[str, Any],
    *,
    workers: int | None = None,
    cluster: str | None = None,
    point_timeout: float | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run all points of a study that `out` has no outcome of yet, and return the outcomes of all.

    `workers`: processes (None: one for each CPU). `cluster`: the address of a Dask scheduler, or ``slurm``,
    instead. `point_timeout`: seconds after which a point is given up. `out`: a folder that keeps each outcome
    as it comes, and in the end what `SweepResult.save` writes. `progress` is called with the points done.

    Raises `UserError` for what the user must mend, and `SweepError` where processes do not start or a cluster
    is lost.
    """
    if cluster is not None and workers is not None:
        raise ConfigError("a sweep takes workers or a cluster, not both")
    count = cpus() if workers is None else workers
    require(0 < count <= MAX_WORKERS, f"workers must be a positive integer up to {MAX_WORKERS}", workers)
    good = point_timeout is None or 0 < point_timeout <= MAX_SECONDS
    rule = f"the point timeout must be a positive number of seconds up to {MAX_SECONDS:,.0f}"
    require(good, rule, point_timeout)
    if out is not None:
        require_writable_folder(os.fspath(out))
    read = read_study(study)
    fields = Fields(read)
    space = Space(read, fields, progress)
    digest = read.digest({name: trace.digest for name, trace in fields.traces.items()})
    code = code_digest()
    header = Header(SCHEMA, __version__, code, digest, len(space))
    with ExitStack() as stack:
        folder = stack.enter_context(_kept(out))
        journal = stack.enter_context(Journal(folder, header, out))
        missing = _missing(space, journal.read(), point_timeout)
        if missing:
            if cluster is None:
                tell_of_compilation(progress)

            def executor() -> Executor:
                setup = packed(_setup(fields, code))
                if cluster is None:
                    return Pool(setup, min(count, len(missing)), point_timeout)
                from tandemsim.sim.sweep.cluster import connect

                def tell(line: str) -> None:
                    if progress:
                        progress(line, 0, 1)

                return connect(cluster, setup, point_timeout, read.cluster, tell)

            _run(space, missing, executor, journal, progress)
        about = {"schema": SCHEMA, "study": digest, "version": __version__, "pareto": ",".join(read.pareto)}
        result = SweepResult(read, make_table(space, fields, journal.read, about), space.excluded)
        if out is not None:
            result.save(folder)
        return result


def _run(
    space: Space,
    missing: list[int],
    executor: Callable[[], Executor],
    journal: Journal,
    progress: Progress | None,
) -> None:
    done = len(space) - len(missing)
    running = executor()
    try:
        if progress:
            progress(POINTS, done, len(space))
        for outcome in running.run(Work(number, space[number]) for number in missing):
            journal.add(outcome)
            done += 1
            if progress:
                progress(POINTS, done, len(space))
    finally:
        try:
            journal.sync()
        finally:
            running.close()


def cpus() -> int:
    """Return how many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # which macOS does not have
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _setup(fields: Fields, code: str) -> Setup:
    traces = {name: codec.dumps(trace) for name, trace in fields.traces.items()}
    return Setup(__version__, code, traces, fields.running())


def _missing(space: Space, outcomes: Iterable[Outcome], limit: float | None) -> list[int]:
    """Return the points without an outcome; one that timed out has none where more time is given now."""
    done = bytearray(len(space))
    for outcome in outcomes:
        again = outcome.status == TIMED_OUT and (limit is None or limit > (outcome.limit or 0))
        if outcome.number < len(space):
            done[outcome.number] = not again
    return [number for number, there in enumerate(done) if not there]


@contextmanager
def _kept(out: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Yield the folder of the journal: `out`, made if need be, or one that is gone afterwards."""
    if out is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = Path(os.path.realpath(out))
    if not (folder / NAME).exists():
        for name in (TABLE, PAGE, PLOT):
            if os.path.lexists(folder / name):
                raise FolderError(
                    f"{str(out)!r} holds {name}, which is not of this study; name another folder"
                )
    with ExitStack() as stack:
        with refusals(out):
            stack.enter_context(new_parents(folder))
        yield folder

"""Points on a cluster: a Dask scheduler hands them to its workers in batches.

What a point answers does not depend on where it ran, so the results are those of a sweep on one machine, byte
for byte. A worker that is lost costs nothing: the scheduler gives its batch to another one. A connection that
is lost is made again, and what was under way is run again; only where the scheduler does not answer the sweep
ends, and the same command resumes it.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from tandemsim.sim.arch.checks import UserError, shown
from tandemsim.sim.shell.stopping import add_cleaner, remove_cleaner
from tandemsim.sim.sweep.frames import Work, packed
from tandemsim.sim.sweep.point_run import FAILED, Outcome, SweepError
from tandemsim.sim.sweep.remote import OUTCOMES, VersionError, run_batch, same

SLURM = "slurm"
ANSWER_SECONDS = 10.0  # until a scheduler is taken for dead
WORKER_SECONDS = 30.0  # until a scheduler that answers has a worker; jobs of Slurm may wait in its queue
BATCH_SECONDS = 1.0  # work in a batch: the scheduler takes milliseconds for each
MOST_IN_BATCH = 256
BATCHES_EACH = 2  # for each slot of a worker, so that it never waits for the next
LOOK_SECONDS = 2.0  # between two looks at how many workers there are
MAX_CONNECTIONS = 3  # that are lost one after the other without an outcome in between
MAX_LOSSES = 3  # times that a point alone has used up the workers that the scheduler grants it


class ClusterError(UserError):
    """A cluster that is not there, or does not answer."""


def connect(cluster: str, setup: bytes, limit: float | None, words: Mapping[str, Any]) -> Cluster:
    """Return the cluster at an address, or one made of Slurm's jobs. Raises `ClusterError`."""
    try:
        import distributed
    except ModuleNotFoundError:
        raise ClusterError("--cluster needs Dask: pip install 'tandemsim[cluster]'") from None
    if cluster == SLURM:
        from tandemsim.sim.sweep.slurm import slurm_cluster

        _silence()
        owner = slurm_cluster(words)
        client = distributed.Client(owner, set_as_default=False)
        return Cluster(client, owner.scheduler_address, setup, limit, owner)
    _silence()
    client = _answer(cluster)
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        client.close()
        raise ClusterError(
            f"the cluster {shown(cluster)} has had no worker for {WORKER_SECONDS:g} s"
        ) from None
    return Cluster(client, cluster, setup, limit)


def _silence() -> None:
    """Keep Dask from telling of each lost connection in many lines; the sweep tells of it in one."""
    for name in [*logging.root.manager.loggerDict]:  # each of its modules has set a level of its own
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _answer(cluster: str) -> Any:
    """Return a client of the scheduler at an address.

    Asked in a thread: Dask's own limit does not hold where something takes the connection and is then silent.
    """
    import distributed
    from distributed.comm.addressing import get_address_host_port

    address = cluster if "://" in cluster else f"tcp://{cluster}"
    try:
        get_address_host_port(address, strict=True)
    except (ValueError, RuntimeError, NotImplementedError):
        raise ClusterError(
            f"--cluster takes slurm or an address such as tcp://host:8786, not {shown(cluster)}"
        ) from None
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            came.put(distributed.Client(address, timeout=f"{ANSWER_SECONDS}s", set_as_default=False))
        except Exception as error:
            came.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = came.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        found = TimeoutError()
    if isinstance(found, Exception):
        raise ClusterError(f"the cluster {shown(cluster)} has not answered in {ANSWER_SECONDS:g} s")
    return found


class Cluster:
    """A connection to a scheduler; `owner` is the cluster that ends with the sweep, if one does."""

    def __init__(
        self, client: Any, address: str, setup: bytes, limit: float | None, owner: Any = None
    ) -> None:
        self.address, self.limit = address, limit
        self._client, self._owner = client, owner
        self._setup = setup
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._batches: dict[str, tuple[Any, list[Work]]] = {}  # by the key of its task, with its future
        self._losses: Counter[int] = Counter()
        self._connections_lost = 0
        self._seconds = 0.0  # that a point takes, smoothed
        self._slots, self._looked = 1, 0.0
        add_cleaner(self._end_jobs)

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]:
        """Yield the outcome of each point as it comes, in any order. Raises `SweepError`."""
        waiting = deque(points)
        alone: deque[Work] = deque()  # points of a batch whose workers were lost again and again
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size of the setup
            setup = self._submit_setup()
            while waiting or alone or self._batches:
                try:
                    self._look()
                    while (waiting or alone) and len(self._batches) < BATCHES_EACH * self._slots:
                        self._submit(setup, self._next(waiting, alone))
                    yield from self._taken(alone)
                except _LostError:
                    for _, batch in self._batches.values():
                        waiting.extendleft(reversed(batch))
                    self._batches.clear()
                    self._connect_again()
                    setup = self._submit_setup()

    def close(self) -> None:
        """End the connection, and the jobs that were started for it."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=2)
        self._end_jobs()
        remove_cleaner(self._end_jobs)

    def _end_jobs(self) -> None:
        if self._owner is not None:
            self._owner.close(timeout=10)

    def _connect_again(self) -> None:
        with suppress(Exception):
            self._client.close(timeout=2)
        self._connections_lost += 1
        lost = f"the connection to the cluster {self.address} is lost; the same command resumes"
        if self._connections_lost > MAX_CONNECTIONS:
            raise SweepError(lost)
        try:
            self._client = _answer(self.address)
        except ClusterError:
            raise SweepError(lost) from None

    def _submit_setup(self) -> Any:
        digest = hashlib.sha256(self._setup).hexdigest()
        return self._client.submit(same, self._setup, key=f"tandem-setup-{digest}")

    def _look(self) -> None:
        """Count the slots of the workers: a thread each."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if self._client.status != "running":
            raise _LostError
        try:
            self._slots = max(1, sum(self._client.nthreads().values()))
        except Exception:  # the connection has just gone
            raise _LostError from None
        self._looked = time.monotonic()

    def _next(self, waiting: deque[Work], alone: deque[Work]) -> list[Work]:
        if alone:
            return [alone.popleft()]
        size = min(MOST_IN_BATCH, int(BATCH_SECONDS / self._seconds)) if self._seconds else 1
        fair = -(-len(waiting) // (BATCHES_EACH * self._slots))  # so that all end at about the same time
        return [waiting.popleft() for _ in range(max(1, min(size, fair)))]

    def _submit(self, setup: Any, batch: list[Work]) -> None:
        future = self._client.submit(run_batch, setup, packed(batch), self.limit, pure=False)
        self._batches[future.key] = future, batch
        future.add_done_callback(self._came.put)

    def _taken(self, alone: deque[Work]) -> Iterator[Outcome]:
        """Yield the outcomes of a batch that has ended; waits for one, but not for long."""
        try:
            future = self._came.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return
        if future.key not in self._batches:
            return  # of a connection that was lost
        if future.status not in ("finished", "error"):
            raise _LostError
        _, batch = self._batches[future.key]
        if future.status == "error":
            del self._batches[future.key]
            yield from self._failed(future.exception(), batch, alone)
            return
        try:
            seconds, outcomes = future.result()
        except Exception:  # the connection went while it was fetched
            raise _LostError from None
        del self._batches[future.key]
        self._connections_lost = 0
        each = max(seconds / len(batch), 1e-6)
        self._seconds = each if not self._seconds else 0.7 * self._seconds + 0.3 * each
        yield from OUTCOMES.decode(outcomes)

    def _failed(self, error: BaseException, batch: list[Work], alone: deque[Work]) -> Iterator[Outcome]:
        """A batch without outcomes: its workers were lost, or cannot run points at all."""
        if isinstance(error, VersionError):
            raise ClusterError(f"{error}: {self.address}")
        if type(error).__name__ != "KilledWorker":
            said = f"{type(error).__name__}: {error}"
            raise SweepError(f"the workers of {self.address} cannot run points: {said}")
        if len(batch) == 1:
            number = batch[0].number
            self._losses[number] += 1
            if self._losses[number] >= MAX_LOSSES:
                yield Outcome(number, FAILED, "every worker of the cluster that ran it was lost")
                return
        alone.extend(batch)


class _LostError(Exception):
    """The connection to the scheduler, and with it all that was under way."""

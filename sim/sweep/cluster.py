"""Points on a cluster: a Dask scheduler hands them to its workers in batches.

What a point answers does not depend on where it ran, so the results are those of a sweep on one machine, byte
for byte. A worker that is lost costs nothing: the scheduler gives its batch to another one. A connection that
is lost is made again, and what was under way is run again; only where the scheduler does not answer, or has
had no worker for long, the sweep ends, and the same command resumes it.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar, cast

from tandemsim.sim.arch.checks import UserError, shown
from tandemsim.sim.run import WAITING
from tandemsim.sim.shell.stopping import add_cleaner, remove_cleaner
from tandemsim.sim.sweep.frames import Work, packed
from tandemsim.sim.sweep.point_run import FAILED, Outcome, SweepError
from tandemsim.sim.sweep.remote import OUTCOMES, VersionError, run_batch, same

SLURM = "slurm"
Result = TypeVar("Result")
# All assumed.
ANSWER_SECONDS = 10.0  # until a scheduler is taken for dead
WORKER_SECONDS = 30.0  # without a worker, until a sweep does not begin, or says that it waits
GONE_SECONDS = 300.0  # without a worker, until a sweep ends; jobs of Slurm may wait in its queue for days
BATCH_SECONDS = 1.0  # work in a batch: the scheduler takes milliseconds for each
MOST_IN_BATCH = 256
BATCHES_EACH = 2  # for each slot of a worker, so that it never waits for the next
LOOK_SECONDS = 2.0  # between two looks at how many workers there are
CLOSE_SECONDS = 2.0  # for taking leave of a scheduler
MAX_CONNECTIONS = 3  # that are lost one after the other without an outcome in between
MAX_LOSSES = 3  # times that a point alone has used up the workers that the scheduler grants it


class ClusterError(UserError):
    """A cluster that is not there, or does not answer."""


def connect(
    cluster: str,
    setup: bytes,
    limit: float | None,
    words: Mapping[str, Any],
    tell: Callable[[str], None] = lambda line: None,
) -> Cluster:
    """Return the cluster at an address, or one made of Slurm's jobs. Raises `ClusterError`.

    `tell` is called with a line for people where the sweep waits for a worker.
    """
    try:
        import distributed
    except ModuleNotFoundError:
        raise ClusterError("a cluster needs Dask: pip install 'tandemsim[cluster]'") from None
    with ExitStack() as stack:
        stack.callback(_silenced())
        owner = None
        if cluster == SLURM:
            from tandemsim.sim.sweep.slurm import slurm_cluster

            owner = slurm_cluster(words)
            cluster, client = owner.scheduler_address, distributed.Client(owner, set_as_default=False)
        else:
            client = _answer(cluster)
            try:
                client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError:
                client.close()
                raise ClusterError(
                    f"the cluster {shown(cluster)} has had no worker for {WORKER_SECONDS:g} s"
                ) from None
        return Cluster(client, cluster, setup, limit, owner, tell, stack.pop_all().close)
    raise AssertionError  # for mypy, to which a block of `with` may swallow what it raises


def _silenced() -> Callable[[], None]:
    """Keep Dask from telling of each lost connection in many lines; return what ends that.

    The sweep tells of it in one.
    """
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}  # each module has set one of its own
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def end() -> None:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)

    return end


def _answer(cluster: str) -> Any:
    """Return a client of the scheduler at an address."""
    import distributed
    from distributed.comm.addressing import get_address_host_port

    address = cluster if "://" in cluster else f"tcp://{cluster}"
    try:
        get_address_host_port(address, strict=True)
    except (ValueError, RuntimeError, NotImplementedError):
        raise ClusterError(
            f"a cluster must be slurm or an address such as tcp://host:8786, not {shown(cluster)}"
        ) from None
    try:
        return _within(
            ANSWER_SECONDS,
            lambda: distributed.Client(address, timeout=f"{ANSWER_SECONDS}s", set_as_default=False),
        )
    except Exception:
        raise ClusterError(f"the cluster {shown(cluster)} has not answered in {ANSWER_SECONDS:g} s") from None


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns. Raises what it raises, and `TimeoutError`.

    Called in a thread: Dask's own limits do not hold where something takes the connection and is then silent.
    """
    came: queue.SimpleQueue[tuple[Result, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            came.put((call(), None))
        except Exception as error:
            came.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = came.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast(Result, result)


class Cluster:
    """A connection to a scheduler; `owner` is the cluster that ends with the sweep, if one does.

    `tell` is called with a line for people, `ended` when the connection has ended in order.
    """

    def __init__(
        self,
        client: Any,
        address: str,
        setup: bytes,
        limit: float | None,
        owner: Any,
        tell: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self.address, self.limit = address, limit
        self._client, self._owner = client, owner
        self._tell, self._ended = tell, ended
        self._setup = setup
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._batches: dict[str, tuple[Any, list[Work]]] = {}  # by the key of its task, with its future
        self._losses: Counter[int] = Counter()
        self._connections_lost = 0
        self._seconds = 0.0  # that a point takes, smoothed
        self._slots, self._looked = 1, 0.0
        self._had_worker, self._waits = time.monotonic(), False
        add_cleaner(self._end_jobs)

    def run(self, points: Iterable[Work]) -> Iterator[Outcome]:
        """Yield the outcome of each point as it comes, in any order. Raises `SweepError`."""
        waiting = deque(points)
        alone: deque[Work] = deque()  # points of a batch whose workers were lost again and again
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
        if self._close_client():
            self._ended()  # else its threads go on trying, and stay silent
        self._end_jobs()
        remove_cleaner(self._end_jobs)

    def _close_client(self) -> bool:
        """Take leave of the scheduler, which may be gone; return whether it answered."""
        try:
            _within(2 * CLOSE_SECONDS, lambda: self._client.close(timeout=CLOSE_SECONDS))
        except Exception:
            return False
        return True

    def _end_jobs(self) -> None:
        if self._owner is not None:
            self._owner.close(timeout=10)

    def _connect_again(self) -> None:
        self._close_client()
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size
            return self._client.submit(same, self._setup, key=f"tandem-setup-{digest}")

    def _look(self) -> None:
        """Count the slots of the workers: a thread each. Raises `SweepError` where all are long gone."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if self._client.status != "running":
            raise _LostError
        try:
            slots = sum(_within(ANSWER_SECONDS, self._client.nthreads).values())
        except Exception:  # the connection has just gone, or the scheduler hangs
            raise _LostError from None
        self._slots, self._looked = max(1, slots), time.monotonic()
        if slots:
            self._had_worker, self._waits = self._looked, False
            return
        without = self._looked - self._had_worker
        if without >= WORKER_SECONDS and not self._waits:
            self._waits = True
            self._tell(WAITING)
        if without >= GONE_SECONDS and self._owner is None:
            gone = f"the cluster {self.address} has had no worker for {GONE_SECONDS:g} s"
            raise SweepError(f"{gone}; the same command resumes")

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
            seconds, outcomes = _within(ANSWER_SECONDS, lambda: future.result(timeout=ANSWER_SECONDS))
        except TimeoutError:  # it is on its way, or the scheduler hangs
            self._came.put(future)
            self._looked = 0.0
            return
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

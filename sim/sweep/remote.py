"""What a worker of a cluster does: it has points run by a process of its own, as a sweep on one machine has.

So a point that hangs, crashes or takes all memory costs that process and not the worker, and has the same
outcome as anywhere else. The process stays warm from one batch to the next.
"""

from __future__ import annotations

import threading
import time

import msgspec

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.engine.kernel_cache import code_digest
from tandemsim.sim.shell.version import __version__
from tandemsim.sim.sweep.frames import SETUP, Work, packed
from tandemsim.sim.sweep.point_run import Outcome
from tandemsim.sim.sweep.pool import Pool

WORKS = msgspec.msgpack.Decoder(list[Work])
OUTCOMES = msgspec.msgpack.Decoder(list[Outcome])

_own = threading.local()  # a worker has a thread for each of its slots, and a thread has a process


class VersionError(UserError):
    """The workers have another version of tandemsim than the sweep, or other code of the same version."""


def same(setup: bytes) -> bytes:
    """Return the setup: as a task's result it goes to each worker once, and is made again if it is lost."""
    return setup


def run_batch(setup: bytes, works: bytes, limit: float | None) -> tuple[float, bytes]:
    """Run some points; return how many seconds they took, and their outcomes."""
    pool = _pool(setup, limit)
    begun = time.monotonic()
    try:
        outcomes = list(pool.run(WORKS.decode(works)))
    except BaseException:
        pool.close()
        del _own.pool
        raise
    return time.monotonic() - begun, packed(outcomes)


def _pool(setup: bytes, limit: float | None) -> Pool:
    kept: tuple[bytes, float | None, Pool] | None = getattr(_own, "pool", None)
    if kept is not None and kept[:2] == (setup, limit):
        return kept[2]
    asked = SETUP.decode(setup)
    if asked.version != __version__:
        raise VersionError(f"the workers have tandemsim {__version__}, and the sweep has {asked.version}")
    if asked.code != code_digest():
        raise VersionError(f"the workers have other code of tandemsim {__version__} than the sweep")
    if kept is not None:
        kept[2].close()
    pool = Pool(setup, 1, limit)
    _own.pool = setup, limit, pool
    return pool

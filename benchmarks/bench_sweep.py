"""What a sweep costs beside its points: ``python -m benchmarks.bench_sweep [POINTS] [PATTERN]``.

The same points run in three ways: one `simulate` after the other in this process, a sweep of one process, a
sweep of two. The sweeps are whole: start of their processes, journal, table, plot and page included. Overhead
is how much longer the sweep of one process takes than the bare loop, per point. Wall clock time, and with it
the processors' time, which other users of the machine disturb less.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

from tandemsim.sim.sweep.fields import Fields
from tandemsim.sim.sweep.point_run import OK, run_point
from tandemsim.sim.sweep.runner import sweep
from tandemsim.sim.sweep.space import Space
from tandemsim.sim.sweep.study import read_study

POINTS = 2000
PATTERN = "longformer:512,64"
RATIO_TARGET, OVERHEAD_TARGET_MS = 1.7, 5.0


class Cost(NamedTuple):
    """What one way took."""

    seconds: float
    cpu_seconds: float


def cost(work: Callable[[], object]) -> Cost:
    """Time `work` with the processes that it starts."""
    start, used = time.perf_counter(), cpu()
    work()
    return Cost(time.perf_counter() - start, cpu() - used)


def cpu() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def study(points: int, pattern: str) -> dict[str, object]:
    """`points` random arrays, all of which run."""
    sizes = [4, 8, 12, 16, 20, 24, 28, 32]
    keys = {"rows": sizes, "cols": sizes, "dram.channels": [1, 2, 4], "memory": ["ddr4-2400", "hbm2"]}
    return {"name": "bench", "grid": {"pattern": pattern}, "samples": points, "random": keys}


def main(points: int, pattern: str) -> None:
    """Print the table."""
    given = study(points, pattern)
    read = read_study(given)
    fields = Fields(read)
    space = Space(read, fields)

    def loop() -> None:
        for number in range(len(space)):
            assert run_point(number, space[number], fields.traces).status == OK

    def swept(workers: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            sweep(given, workers=workers, out=Path(folder) / "out")

    run_point(0, space[0], fields.traces)  # loads the kernels
    swept_once = {**given, "samples": 2}
    sweep(swept_once, workers=1)  # and pyarrow and what else a first sweep loads
    rows = {
        "bare loop": cost(loop),
        "1 process": cost(lambda: swept(1)),
        "2 processes": cost(lambda: swept(2)),
    }
    print(f"{points} points of {pattern}\n\n{'':14}{'s':>9}{'CPU s':>9}{'ms per point':>14}")
    for name, took in rows.items():
        each = 1e3 * took.seconds / points
        print(f"{name:14}{took.seconds:9.1f}{took.cpu_seconds:9.1f}{each:14.2f}")
    bare, one, two = rows.values()
    ratio = one.seconds / two.seconds
    wall, used = (1e3 * (a - b) / points for a, b in zip(one, bare, strict=True))
    print(f"\n2 over 1: {ratio:.2f} times (target {RATIO_TARGET})")
    print(f"overhead: {wall:.2f} ms per point, {used:.2f} ms of CPU time (target {OVERHEAD_TARGET_MS:g} ms)")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]) if words else POINTS, words[1] if len(words) > 1 else PATTERN)

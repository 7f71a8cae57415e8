"""What a user waits for: whole runs, and time against tiles: ``python -m benchmarks.bench_run``.

Each line of the first table is a process of its own, from its start to its end, with the peak of its resident
memory. The first call finds an empty kernel cache and compiles everything. The second table is the simulation
alone, kernels loaded: twice the tiles should take twice the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

REPEATS = 5
SHORT, LONG = "longformer", "longformer-16k"
RATIO_TARGET = 1.1  # time ratio over tile ratio


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    mebibytes: float


def whole(*arguments: str, cache: str) -> Cost:
    """Run ``python -m sim`` with `arguments` and kernels in the folder `cache`."""
    command = [sys.executable, "-m", "sim", *arguments]
    start = time.perf_counter()
    child = subprocess.Popen(command, env=os.environ | {"TANDEM_CACHE_DIR": cache}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)  # the usage of this child; that of all children is a maximum
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}")
    return Cost(seconds, usage.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)))


def row(name: str, costs: list[Cost], target: str) -> None:
    """Print one line of the first table."""
    seconds = [cost.seconds for cost in costs]
    mebibytes = max(cost.mebibytes for cost in costs)
    print(f"{name:38}{min(seconds):8.2f}{statistics.median(seconds):9.2f}{mebibytes:8.0f}   {target}")


def processes(folder: str) -> None:
    """Print the first table. Files go below `folder`, the kernel cache too."""
    cache, out = str(Path(folder) / "cache"), str(Path(folder) / "out")
    print(f"{'a process':38}{'s, best':>8}{'median':>9}{'MiB':>8}   target")
    row(f"run {SHORT}, empty kernel cache", [whole("run", SHORT, cache=cache)], "20 s")
    whole("run", SHORT, "--functional", "--out", out, cache=cache)  # compiles what else there is
    lines = [
        ("list", ["list"], ""),
        (f"run {SHORT}", ["run", SHORT], "3 s, 300 MiB"),
        (f"run {SHORT} --out", ["run", SHORT, "--out", out], "8 s"),
        (f"run {SHORT} --functional", ["run", SHORT, "--functional"], ""),
        (f"run {LONG}", ["run", LONG], "300 MiB"),
        (f"run {LONG} --out", ["run", LONG, "--out", out], ""),
    ]
    for name, arguments, target in lines:
        row(name, [whole(*arguments, cache=cache) for _ in range(REPEATS)], target)


def seconds_of(work: Callable[[], object]) -> float:
    """Return the best time of `work`: of a ratio, the part that other processes disturb least."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def scaling() -> None:
    """Print the second table."""
    # Not above: a child's peak counts the memory that this process had when it was forked.
    from tandemsim.sim.arch.salo.presets import SALO
    from tandemsim.sim.salo.machine import simulate
    from tandemsim.traces import codec

    print(f"\n{'the simulation alone':38}{'s, best':>8}{'tiles':>12}{'layers':>8}")
    found = []
    for name in (SHORT, LONG):
        ops = [op for op in codec.load(codec.find(name)).ops if op.pattern]
        layers = simulate(ops, SALO).layers
        tiles = {id(layer.result): layer.result.program.tiles for layer in layers}  # equal layers run once
        spent = seconds_of(lambda ops=ops: simulate(ops, SALO))
        found.append((spent, sum(tiles.values())))
        print(f"{name:38}{spent:8.3f}{sum(tiles.values()):12,}{len(tiles):8}")
    times, tiles = (long / short for short, long in zip(*found, strict=True))
    verdict = f"{times / tiles:.2f} of it; target {RATIO_TARGET}"
    print(f"{'ratio':38}{times:8.2f}{tiles:12.2f}   time over tiles: {verdict}")


def main() -> None:
    """Measure processes, then the simulation."""
    with tempfile.TemporaryDirectory() as folder:
        processes(folder)
    scaling()


if __name__ == "__main__":
    main()

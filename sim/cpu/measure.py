"""What the CPU that this runs on can do, measured: products, bandwidth, latency, threads.

Each quantity is measured several times, and its median counts. Where the middle half of the repeats differs
by more than a tolerance, there is no verdict: something else runs on the machine. Times are in seconds.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.cpu.config import CpuCore
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.engine.jit import jit

REPEATS = 9
SIDE = 768  # of a matrix product: 6.8 MB in all
STREAM = 1 << 23  # doubles of each array of the triad: 64 MB, more than a last-level cache of one island
CHASE = 1 << 23  # places of 8 bytes that the chase visits at random
STEPS = 1 << 20  # of the chase that are timed
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNITS = {"K": 1024, "M": 1024**2}
CLOCK_HZ = 2_900_000_000  # where the system does not say: that of the default preset


class Measurement(NamedTuple):
    """One quantity: the median of its repeats, and the width of their middle half over it."""

    name: str
    value: float
    unit: str
    spread: float


def measured(name: str, unit: str, sample: Callable[[], float], repeats: int = REPEATS) -> Measurement:
    """Measure a quantity several times, after a first time that does not count."""
    sample()
    values = sorted(sample() for _ in range(repeats))
    middle = statistics.median(values)
    low, high = values[len(values) // 4], values[-1 - len(values) // 4]
    return Measurement(name, middle, unit, (high - low) / middle)


def require_steady(every: Sequence[Measurement], tolerance: float) -> None:
    """Raise `ConfigError`, which names the worst, where a quantity differs too much between repeats."""
    worst = max(every, key=lambda one: one.spread)
    if worst.spread > tolerance:
        raise ConfigError(
            f"the {worst.name} must repeat within {tolerance:.0%}, not {worst.spread:.0%};"
            " end what else runs on this machine, or allow more with --tolerance"
        )


def measure(told: Callable[[str], None] = lambda name: None) -> list[Measurement]:
    """Measure this machine; `told` hears what is being measured."""
    cores = usable_cores()
    samples: dict[str, tuple[str, Callable[[], float]]] = {
        "rate of products": ("MAC/s", _products()),
        "bandwidth of the DRAM": ("bytes/s", _triad(cores)),
        "latency of the DRAM": ("s", _chase()),
        "fork and join of a region": ("s", _region(cores)),
        "start of a thread": ("s", _thread),
    }
    found = []
    for name, (unit, sample) in samples.items():
        told(name)
        found.append(measured(name, unit, sample))
    return found


def settings_of(every: Sequence[Measurement], whole_rows: float) -> dict[str, object]:
    """Return what was measured as settings. whole_rows: the factor of `RateLaw` for a product's rows."""
    value = {one.name: one.value for one in every}
    cores, (l2, l3, sharing) = usable_cores(), caches()
    clock = clock_hz()
    peak = cores * clock * CpuCore().macs_per_cycle
    rate = value["rate of products"] / peak
    return {
        "cores": cores,
        "island_cores": max(each for each in range(1, sharing + 1) if cores % each == 0),
        "l3_bytes": l3,
        "core.l2_bytes": l2,
        "clock_hz": clock,
        "rates.efficiency": rate / whole_rows,
        "dram.bandwidth_bytes_per_second": round(value["bandwidth of the DRAM"]),
        "dram_latency_seconds": value["latency of the DRAM"],
        "team.start_seconds": 0.0,
        "team.thread_seconds": value["fork and join of a region"] / cores,
        "team.join_seconds": value["start of a thread"],
    }


def usable_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def caches(folder: Path = CACHES) -> tuple[int, int, int]:
    """Return the bytes of L2 and L3, and how many cores share an L3; of what is not known the default's."""
    l2, l3, sharing = 512 * 1024, 16 * 1024**2, usable_cores()
    for place in sorted(folder.glob("index*")):
        try:
            level, size = ((place / name).read_text().strip() for name in ("level", "size"))
            shared = (place / "shared_cpu_list").read_text().strip()
            count = int(size[:-1]) * UNITS[size[-1]]
        except (OSError, KeyError, ValueError, IndexError):
            continue
        if level == "2":
            l2 = count
        if level == "3":
            l3, sharing = count, min(sharing, max(1, listed(shared)))
    return l2, l3, sharing


def listed(text: str) -> int:
    """Return how many CPUs a list such as ``0-3,8`` names."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return sum(int(last or first) - int(first) + 1 for first, _, last in parts)


def clock_hz(path: Path = Path("/proc/cpuinfo")) -> int:
    """Return the clock that the system states, in whole MHz."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return CLOCK_HZ
    stated = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return round(max(stated)) * 1_000_000 if stated else CLOCK_HZ


def _products() -> Callable[[], float]:
    left, right = np.ones((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    out = np.empty_like(left)

    def sample() -> float:
        begun = time.perf_counter()
        for _ in range(8):
            np.matmul(left, right, out=out)
        return 8 * SIDE**3 / (time.perf_counter() - begun)

    return sample


@jit
def triad(out: Doubles, left: Doubles, right: Doubles, first: int, last: int) -> None:
    """Write left + 3 * right to `out` between two places."""
    for place in range(first, last):
        out[place] = left[place] + 3.0 * right[place]


def _triad(cores: int) -> Callable[[], float]:
    arrays = [np.ones(STREAM) for _ in range(3)]
    edges = [STREAM * part // cores for part in range(cores + 1)]

    def sample() -> float:
        threads = [
            threading.Thread(target=triad, args=(*arrays, first, last))
            for first, last in zip(edges, edges[1:], strict=False)
        ]
        begun = time.perf_counter()
        _run(threads)
        return 4 * 8 * STREAM / (time.perf_counter() - begun)  # a line is read before it is written

    return sample


@jit
def chase(following: Integers, start: int, steps: int) -> int:
    """Return where a walk of so many steps ends; each step waits for the one before."""
    place = start
    for _ in range(steps):
        place = following[place]
    return int(place)


def _chase() -> Callable[[], float]:
    order = np.random.default_rng(0).permutation(CHASE)
    following = np.empty(CHASE, np.int64)
    following[order] = np.roll(order, -1)
    place = [0]

    def sample() -> float:
        begun = time.perf_counter()
        place[0] = chase(following, place[0], STEPS)
        return (time.perf_counter() - begun) / STEPS

    return sample


def _region(cores: int) -> Callable[[], float]:
    """A region of threads that exist: they are woken, and each says that it is done."""
    rounds = 200

    def sample() -> float:
        gate, done = threading.Barrier(cores), threading.Barrier(cores)

        def work() -> None:
            for _ in range(rounds):
                gate.wait()
                done.wait()

        threads = [threading.Thread(target=work) for _ in range(cores)]
        begun = time.perf_counter()
        _run(threads)
        return (time.perf_counter() - begun) / rounds

    return sample


def _thread() -> float:
    begun = time.perf_counter()
    for _ in range(100):
        _run([threading.Thread(target=int)])
    return (time.perf_counter() - begun) / 100


def _run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def document(every: Sequence[Measurement], settings: Mapping[str, object], schema: str) -> dict[str, object]:
    """Return the file that the preset `this-machine` reads."""
    return {
        "schema": schema,
        "settings": dict(settings),
        "measured": [one._asdict() for one in every],
    }

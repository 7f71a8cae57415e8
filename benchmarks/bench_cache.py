"""Accesses per second of the caches, beside pycachesim: ``python -m benchmarks.bench_cache``.

One core, LRU, 32 KiB + 512 KiB + 16 MiB, non-inclusive: what both simulate, with equal counts. Loads and
stores, 30 % stores, all counters on. pycachesim is in C and is given what it takes, tuples of Python's
integers, made beforehand; we take arrays. Processor time of one thread, the least of several runs that take
turns: a loaded machine spoils it less than the time on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cachesim
import numpy as np

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.cpu.cache.hierarchy import Hierarchy

ACCESSES = 1_000_000
REPEATS = 7
STORES = 0.3
MIB = 1 << 20
TARGETS = {"random": 2.5, "zipf": 2.0, "stream": 2.0, "hot": 1.5}
CONFIG = HierarchyConfig(
    cores=1,
    island_cores=1,
    l1=CacheConfig(bytes=32 * 1024, ways=8),
    l2=CacheConfig(bytes=512 * 1024, ways=8),
    l3=CacheConfig(bytes=16 * MIB, ways=16),
    inclusion=Inclusion.NON_INCLUSIVE,
    writes_refresh=False,
)


def traces(generator: np.random.Generator) -> dict[str, Integers]:
    """Return the addresses of each kind."""
    ranks = np.exp(generator.random(ACCESSES) * np.log(MIB)).astype(np.int64)
    return {
        "random": generator.integers(0, 64 * MIB, ACCESSES),
        "zipf": ranks * 2654435761 % MIB * 64,
        "stream": np.arange(ACCESSES) * 8,
        "hot": generator.integers(0, 16 * 1024, ACCESSES),
    }


def theirs() -> cachesim.CacheSimulator:
    """Return the same hierarchy in pycachesim."""
    memory = cachesim.MainMemory()
    l3 = cachesim.Cache("L3", 16384, 16, 64, "LRU")
    memory.load_to(l3)
    memory.store_from(l3)
    l2 = cachesim.Cache("L2", 1024, 8, 64, "LRU", store_to=l3, load_from=l3)
    l1 = cachesim.Cache("L1", 64, 8, 64, "LRU", store_to=l2, load_from=l2)
    return cachesim.CacheSimulator(l1, memory)


def seconds(run: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Print both speeds and their ratio."""
    generator = np.random.default_rng(0)
    writes = generator.random(ACCESSES) < STORES
    Hierarchy(CONFIG).run([0])  # compiles
    print(f"{'M accesses/s':<14}{'ours':>8}{'pycachesim':>12}{'ratio':>8}{'wanted':>8}")
    for name, addresses in traces(generator).items():
        none: tuple[int, ...] = ()
        pairs = [
            (none, (address,)) if write else ((address,), none)
            for address, write in zip(addresses.tolist(), writes.tolist(), strict=True)
        ]
        ours, other = [], []
        for _ in range(REPEATS):
            caches, simulator = Hierarchy(CONFIG), theirs()
            ours.append(seconds(lambda c=caches, a=addresses: c.run(a, writes)))  # type: ignore[misc]
            other.append(seconds(lambda s=simulator, p=pairs: s.loadstore(p, length=1)))  # type: ignore[misc]
        speed, yardstick = (ACCESSES / min(each) / 1e6 for each in (ours, other))
        ratio = f"{speed / yardstick:>8.1f}{TARGETS[name]:>8.1f}"
        print(f"{name:<14}{speed:>8.1f}{yardstick:>12.1f}{ratio}")


if __name__ == "__main__":
    main()

"""Counts of one core's LRU hierarchies are those of pycachesim, a simulator in C by others.

Its counts: LOAD and HIT are of loads alone, a store that misses counts as a load that misses, and EVICT is of
dirty lines, and in front of a victim cache of clean ones too. A load that no victim cache answers is not
counted there. A store that hits is not a use of its line: hence ``writes_refresh=False``.
"""

from collections.abc import Callable

import cachesim
import numpy as np
import pytest

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion
from tandemsim.sim.cpu.cache.hierarchy import Counts, Hierarchy
from tests.examples import WHOLE

ACCESSES = 1_000_000 if WHOLE else 100_000
MIB = 1 << 20
L1 = CacheConfig(bytes=32 * 1024, ways=8)
L2 = CacheConfig(bytes=MIB // 2, ways=8)
L3 = CacheConfig(bytes=16 * MIB if WHOLE else 2 * MIB, ways=16)
NONE = CacheConfig(bytes=0, ways=1)


def one_core(l3: CacheConfig, inclusion: Inclusion) -> HierarchyConfig:
    return HierarchyConfig(
        cores=1, island_cores=1, l1=L1, l2=L2, l3=l3, inclusion=inclusion, writes_refresh=False
    )


HIERARCHIES = {
    "two levels": one_core(NONE, Inclusion.NON_INCLUSIVE),
    "three levels": one_core(L3, Inclusion.NON_INCLUSIVE),
    "victim": one_core(L3, Inclusion.VICTIM),
}


def zipf(generator: np.random.Generator, count: int) -> np.ndarray:
    """Lines of 64 MiB, the k-th most popular with probability ~ 1/k, scattered."""
    rank = np.exp(generator.random(count) * np.log(MIB)).astype(np.int64)
    return rank * 2654435761 % MIB * 64


TRACES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "random in 64 MiB": lambda generator, count: generator.integers(0, 64 * MIB, count),
    "random in 8 MiB": lambda generator, count: generator.integers(0, 8 * MIB, count),
    "zipf": zipf,
    "stream": lambda generator, count: np.arange(count) * 8 % (24 * MIB),
    "stride of 4 KiB": lambda generator, count: np.arange(count) * 4096 % (64 * MIB),
    "hot 16 KiB": lambda generator, count: generator.integers(0, 16 * 1024, count),
}


def theirs(config: HierarchyConfig, addresses: np.ndarray, writes: np.ndarray) -> dict[str, dict[str, int]]:
    memory = cachesim.MainMemory()
    levels: dict[str, cachesim.Cache] = {}
    below = None
    for name, level in reversed(config.levels.items()):
        links = {}
        if below is not None:
            victim = name == "l2" and config.inclusion is Inclusion.VICTIM
            links = {"store_to": below, ("victims_to" if victim else "load_from"): below}
        below = levels[name] = cachesim.Cache(name, config.sets(level), level.ways, 64, "LRU", **links)
    loads_from = "l2" if config.inclusion is Inclusion.VICTIM else list(config.levels)[-1]
    memory.load_to(levels[loads_from])
    memory.store_from(levels[list(config.levels)[-1]])
    simulator = cachesim.CacheSimulator(levels["l1"], memory)
    none: tuple[int, ...] = ()
    simulator.loadstore(
        (
            (none, (address,)) if write else ((address,), none)
            for address, write in zip(addresses.tolist(), writes.tolist(), strict=True)
        ),
        length=1,
    )
    return {name: cache.stats() for name, cache in levels.items()}


def as_theirs(config: HierarchyConfig, counts: Counts) -> dict[str, dict[str, int]]:
    told = {}
    for name in config.levels:
        own = counts.of(name)
        hits, misses, evicted = own.loads - own.load_misses, own.misses, own.write_backs
        if config.inclusion is Inclusion.VICTIM and name == "l2":
            evicted = own.evictions
        if config.inclusion is Inclusion.VICTIM and name == "l3":
            misses = own.store_misses
        told[name] = {
            "LOAD_count": hits + misses,
            "HIT_count": hits,
            "MISS_count": misses,
            "STORE_count": own.stores + own.victims,
            "EVICT_count": evicted,
        }
    return told


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("hierarchy", HIERARCHIES)
def test_counts_of_every_level_are_those_of_pycachesim(hierarchy: str, name: str) -> None:
    generator = np.random.default_rng(7)
    config, addresses = HIERARCHIES[hierarchy], TRACES[name](generator, ACCESSES)
    writes = generator.random(ACCESSES) < 0.3
    ours = as_theirs(config, Hierarchy(config).run(addresses, writes))
    for level, counts in theirs(config, addresses, writes).items():
        assert {what: counts[what] for what in ours[level]} == ours[level]

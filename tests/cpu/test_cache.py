"""The kernel against a hierarchy in plain Python, and the laws of caches."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion, Replacement
from tandemsim.sim.cpu.cache.hierarchy import Counts, Hierarchy
from tests.cpu.cache_draws import LINE, accesses, alone, caches, hierarchies
from tests.cpu.naive_cache import NaiveHierarchy
from tests.examples import some_of

SEEDS = st.integers(0, 10**6)


def as_counter(counts: Counts) -> dict:
    tenants, cores = counts.table.shape[:2]
    return {
        (tenant, core, level, what): value
        for tenant in range(tenants)
        for core in range(cores)
        for level in counts.levels
        for what, value in counts.of(level, core=core, tenant=tenant)._asdict().items()
        if value
    }


@settings(max_examples=some_of(600))
@given(config=hierarchies(), seed=SEEDS)
def test_every_count_is_that_of_plain_python(config: HierarchyConfig, seed: int) -> None:
    trace, naive, ours = accesses(config, seed), NaiveHierarchy(config), Hierarchy(config)
    for part in (slice(0, 200), slice(200, None)):  # what one run leaves is what the next one finds
        before = naive.counts.copy()
        for address, write, core, tenant in zip(*(array[part] for array in trace), strict=True):
            naive.access(int(address), bool(write), int(core), int(tenant))
        assert as_counter(ours.run(*(array[part] for array in trace))) == naive.counts - before


@settings(max_examples=some_of(60))
@given(sets=st.sampled_from((1, 2, 8)), seed=SEEDS)
def test_more_ways_of_lru_never_miss_more(sets: int, seed: int) -> None:
    """The inclusion property of LRU: each access that hits with so many ways hits with more."""
    misses = []
    for ways in (1, 2, 3, 4, 8, 16):
        config = alone(CacheConfig(bytes=sets * ways * LINE, ways=ways))
        misses.append(Hierarchy(config).run(accesses(config, seed)[0]).of("l1").misses)
    assert misses == sorted(misses, reverse=True)


@settings(max_examples=some_of(120))
@given(config=hierarchies(), seed=SEEDS)
def test_what_a_level_misses_the_next_one_is_asked_for(config: HierarchyConfig, seed: int) -> None:
    counts = Hierarchy(config).run(*accesses(config, seed))
    levels = [counts.of(level) for level in counts.levels]
    assert levels[0].accesses == 600
    assert min(min(level) for level in levels) >= 0
    exclusive = config.inclusion in (Inclusion.EXCLUSIVE, Inclusion.VICTIM)
    for number, (upper, lower) in enumerate(pairwise(levels)):
        to_memory, is_last = number == len(levels) - 2, number == len(levels) - 3
        # Whole lines that come down need no line from below in a level that holds evicted ones alone.
        fills = upper.load_misses if to_memory and exclusive else upper.misses
        assert lower.loads == fills
        assert lower.stores == upper.write_backs
        assert lower.victims == (upper.evictions - upper.write_backs if is_last and exclusive else 0)


@settings(max_examples=some_of(120))
@given(config=hierarchies(inclusions=(Inclusion.INCLUSIVE,)), seed=SEEDS)
def test_an_inclusive_l3_holds_every_line_above_it(config: HierarchyConfig, seed: int) -> None:
    caches = Hierarchy(config)
    trace = accesses(config, seed)
    for start in range(0, 600, 50):
        caches.run(*(array[start : start + 50] for array in trace))
        for core in range(config.cores):
            below = set(caches.lines_in("l3", core))
            for level in list(config.levels)[:-1]:
                assert set(caches.lines_in(level, core)) <= below


@settings(max_examples=some_of(60))
@given(config=hierarchies(inclusions=(Inclusion.EXCLUSIVE,), most_cores=1), seed=SEEDS)
def test_no_line_is_in_an_exclusive_l3_and_in_the_level_above(config: HierarchyConfig, seed: int) -> None:
    caches, above = Hierarchy(config), list(config.levels)[-2]
    caches.run(*accesses(config, seed))
    assert not set(caches.lines_in("l3")) & set(caches.lines_in(above))


@settings(max_examples=some_of(60))
@given(config=hierarchies(), seed=SEEDS)
def test_a_tenant_with_ways_of_its_own_feels_nobody(config: HierarchyConfig, seed: int) -> None:
    """On a core of its own, with L3 ways of its own, its counts are those of a run without the others."""
    own = {
        name: replace(level, replacement=Replacement.LRU)
        for name, level in (("l1", config.l1), ("l2", config.l2))
        if level.replacement is Replacement.RANDOM  # whose numbers all caches draw in turn
    }
    ways = max(2, config.l3.ways)
    l3 = replace(config.l3, bytes=4 * ways * LINE, ways=ways, replacement=Replacement.LRU)
    config = replace(
        config, **own, cores=2, island_cores=2, l3=l3, l3_way_masks=(1, (1 << ways) - 2),
        inclusion=Inclusion.NON_INCLUSIVE,
    )  # fmt: skip
    address, write, _, tenant = accesses(config, seed)
    address = address + tenant * (1 << 20)
    both = Hierarchy(config).run(address, write, tenant, tenant)
    for who in (0, 1):
        its = tenant == who
        lone = Hierarchy(config).run(address[its], write[its], who, who)
        for level in both.levels:
            assert both.of(level, tenant=who) == lone.of(level)


@settings(max_examples=some_of(60))
@given(level=caches(), seed=SEEDS)
def test_a_set_that_is_not_full_evicts_nothing(level: CacheConfig, seed: int) -> None:
    config = alone(level)
    few = accesses(config, seed, lines=level.bytes // LINE)
    counts = Hierarchy(config).run(few[0], few[1]).of("l1")
    assert counts.evictions == 0 and counts.misses == len(np.unique(few[0] // LINE))


def test_high_addresses_keep_their_sets_and_their_lines() -> None:
    """Regions of an address space are renumbered, those of the heap and the stack say."""
    config, generator = HierarchyConfig(cores=1), np.random.default_rng(1)
    low = generator.integers(0, 1 << 26, 50_000)
    region = generator.integers(0, 4, 50_000)
    high = low + np.array([0, 0x55_5500_0000_0000, 0x7F_FF00_0000_0000, 0x7F_FE00_0000_0000])[region]
    near = Hierarchy(config).run(low + (region << 26))
    assert (Hierarchy(config).run(high).table == near.table).all()


def test_too_many_regions_are_refused() -> None:
    with pytest.raises(ConfigError, match="addresses must lie in at most 512 regions of 64 MiB"):
        Hierarchy(HierarchyConfig(cores=1)).run(np.arange(600, 1200) << 40)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"addresses": [1.5]}, "addresses must be a row of integers"),
        ({"addresses": [-1]}, "addresses must be non-negative, not -1"),
        ({"addresses": [1, 2], "writes": [True]}, "there must be as many writes as addresses, 2, not 1"),
        ({"addresses": [1], "cores": [2]}, r"cores must be in 0\.\.\.1, not 2"),
        ({"addresses": [1], "tenants": 1}, r"tenants must be in 0\.\.\.0, not 1"),
    ],
)
def test_accesses_that_make_no_sense_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Hierarchy(HierarchyConfig(cores=2)).run(**arguments)


def test_counts_without_the_compiler_are_the_same() -> None:
    """`NUMBA_DISABLE_JIT=1` runs the same functions as plain Python."""
    script = (
        "import numpy as np\n"
        "from tandemsim.sim.arch.cpu.cache import *\n"
        "from tandemsim.sim.cpu.cache.hierarchy import Hierarchy\n"
        "generator, totals = np.random.default_rng(1), []\n"
        "for replacement in Replacement:\n"
        "    for inclusion in Inclusion:\n"
        "        l1, l3 = (CacheConfig(bytes=64 * n, ways=4, replacement=replacement) for n in (8, 32))\n"
        "        config = HierarchyConfig(cores=2, l1=l1, l2=l1, l3=l3, inclusion=inclusion)\n"
        "        where, wrote = generator.integers(0, 6000, 500), generator.random(500) < 0.4\n"
        "        core = generator.integers(0, 2, 500)\n"
        "        totals.append(Hierarchy(config).run(where, wrote, core).table.tolist())\n"
        "print(totals)\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for off in ("0", "1")
    ]
    assert told[0] == told[1] and len(told[0]) > 1000

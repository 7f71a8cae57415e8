"""Hierarchies and traces at random, so small that all that can happen does within some hundred accesses."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion, Replacement

LINE = 64


@st.composite
def caches(draw, most_sets: int = 4, replacements=tuple(Replacement)) -> CacheConfig:
    replacement = draw(st.sampled_from(replacements))
    ways = draw(st.sampled_from((1, 2, 4, 8) if replacement is Replacement.TREE_PLRU else (1, 2, 3, 5)))
    sets = draw(st.sampled_from([1 << bit for bit in range(most_sets.bit_length())]))
    return CacheConfig(bytes=sets * ways * LINE, ways=ways, replacement=replacement)


@st.composite
def hierarchies(draw, inclusions=tuple(Inclusion), most_cores: int = 5) -> HierarchyConfig:
    inclusion = draw(st.sampled_from(inclusions))
    l3 = draw(caches(8))
    missing = replace(l3, bytes=0)
    tenants = draw(st.integers(0, 3))
    masks = tuple(draw(st.integers(1, (1 << l3.ways) - 1)) for _ in range(tenants))
    if inclusion is Inclusion.NON_INCLUSIVE and draw(st.booleans()):
        l3, masks = missing, ()
    return HierarchyConfig(
        cores=draw(st.integers(1, most_cores)),
        island_cores=draw(st.integers(1, most_cores)),
        l1=draw(caches(2)),
        l2=missing if draw(st.booleans()) else draw(caches(4)),
        l3=l3,
        inclusion=inclusion,
        l3_way_masks=masks,
        writes_refresh=draw(st.booleans()),
        seed=draw(st.integers(1, 1000)),
    )


def accesses(config: HierarchyConfig, seed: int, count: int = 600, lines: int = 48) -> list[np.ndarray]:
    """Addresses, writes, cores, tenants: some lines often, most seldom."""
    generator = np.random.default_rng(seed)
    chosen = np.minimum(generator.integers(0, lines, count), generator.integers(0, lines, count))
    tenants = max(1, len(config.l3_way_masks))
    return [
        chosen * LINE + generator.integers(0, LINE, count),
        generator.random(count) < 0.4,
        generator.integers(0, config.cores, count),
        generator.integers(0, tenants, count),
    ]


def alone(level: CacheConfig) -> HierarchyConfig:
    """One cache of one core."""
    none = CacheConfig(bytes=0, ways=1)
    return HierarchyConfig(cores=1, l1=level, l2=none, l3=none, inclusion=Inclusion.NON_INCLUSIVE)

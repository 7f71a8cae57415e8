"""The kernel against a hierarchy in plain Python, and the laws of caches."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.cpu.cache import HierarchyConfig
from tandemsim.sim.cpu.cache.hierarchy import Counts, Hierarchy
from tests.cpu.cache_draws import accesses, hierarchies
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

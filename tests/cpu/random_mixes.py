"""Tenants at random on one L3: tiled layers, uniform and Zipf accesses, at different rates."""

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.cache import CacheConfig
from tandemsim.sim.cpu.cache.hierarchy import Hierarchy
from tandemsim.sim.cpu.contention import FOREVER, bytes_at_age, eviction_age, surviving
from tandemsim.sim.cpu.curves import KNOT_BYTES
from tandemsim.sim.cpu.reuse import Curves, stream_curves
from tandemsim.sim.cpu.streams import lines_of
from tests.cpu.cache_draws import LINE, alone
from tests.cpu.nests import layers

L3_BYTES = 16 << 20
ACCESSES = 3_000_000  # of a mix; the first third fills the cache
APART = 1 << 26  # lines between tenants
KINDS = ("layer", "uniform", "zipf")


class Tenant(NamedTuple):
    kind: str
    exact: float  # miss ratio
    shared_age: float  # by one eviction age
    equal_shares: float  # alone in its share of the L3


def zipf(generator: np.random.Generator, lines: int, count: int) -> np.ndarray:
    return np.exp(generator.random(count) * np.log(lines)).astype(np.int64)


def addresses_of(kind: str, generator: np.random.Generator, count: int) -> tuple[np.ndarray, Curves]:
    """So many lines of a tenant, and its curves."""
    if kind == "layer":
        while True:
            layer = layers()[generator.integers(len(layers()))]
            version, size = int(generator.integers(len(layer.past_l2_bytes))), int(generator.integers(0, 3))
            if layer.past_l2_bytes[version] > 200_000:
                break
        curves = (layer.curves[0][version, size], layer.curves[1][version, size])
        return lines_of(layer.nests, version, 1 << size, count), curves
    if kind == "uniform":
        lines = int(2 ** generator.uniform(15, 19.5))
        again = np.exp(-KNOT_BYTES / (LINE * lines))  # the law of reuse times of uniform accesses
        return generator.integers(0, lines, count), (again, LINE * lines * (1 - again))
    lines = int(2 ** generator.uniform(17, 21))
    return zipf(generator, lines, count), stream_curves(zipf(generator, lines, 2_000_000))


def mix(generator: np.random.Generator) -> list[Tenant]:
    """Two to four tenants, in the exact cache and by the model."""
    count = int(generator.integers(2, 5))
    rates = np.exp(generator.uniform(-1, 1, count))
    rates /= rates.sum()
    owners = generator.choice(count, size=ACCESSES, p=rates)
    kinds = [str(generator.choice(KINDS, p=[0.6, 0.2, 0.2])) for _ in range(count)]
    lines, survival, occupied = np.empty(ACCESSES, np.int64), [], []
    for tenant, kind in enumerate(kinds):
        own = np.flatnonzero(owners == tenant)
        streamed, curves = addresses_of(kind, generator, len(own))
        lines[own] = streamed % APART + tenant * APART
        survival.append([curves[0]])
        occupied.append([curves[1]])
    cache, filling = Hierarchy(alone(CacheConfig(bytes=L3_BYTES, ways=16)), tenants=count), ACCESSES // 3
    cache.run(lines[:filling] * LINE, tenants=owners[:filling])
    counts = cache.run(lines[filling:] * LINE, tenants=owners[filling:])
    tables = np.array(survival), np.array(occupied)
    return [
        Tenant(
            kind,
            counts.of("l1", tenant=tenant).miss_ratio,
            surviving(tables[0], tenant, 0, age_of(*tables, rates) * rates[tenant]),
            surviving(tables[0], tenant, 0, bytes_at_age(*tables, tenant, 0, L3_BYTES / count)),
        )
        for tenant, kind in enumerate(kinds)
    ]


def age_of(survival: np.ndarray, occupied: np.ndarray, rates: np.ndarray) -> float:
    count = len(rates)
    most = min(bytes_at_age(survival, occupied, t, 0, float(L3_BYTES)) / rates[t] for t in range(count))
    numbers, sizes = np.arange(count), np.zeros(count, np.int64)
    most = min(most, FOREVER)
    return eviction_age(survival, occupied, numbers, sizes, rates, count, float(L3_BYTES), most)

"""`Hierarchy`: the caches of a CPU, into which accesses are put and of which counts come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.cpu.cache import MAX_TENANTS, HierarchyConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.cpu.cache.access import access_all
from tandemsim.sim.cpu.cache.numbers import LineNumbers
from tandemsim.sim.cpu.cache.state import INCLUSIONS, Count, Rules, make_caches

MEMORY = "memory"  # as a level of `Counts`


class LevelCounts(NamedTuple):
    """What happened in a level. Its stores, below L1, are lines that the level above wrote back."""

    loads: int
    load_misses: int
    stores: int
    store_misses: int
    evictions: int  # lines that left to make room
    write_backs: int  # dirty lines that left for the next level
    invalidations: int  # lines that left because an inclusive L3 evicted them
    victims: int  # clean lines that came in because the level above evicted them

    @property
    def accesses(self) -> int:
        """Loads and stores."""
        return self.loads + self.stores

    @property
    def misses(self) -> int:
        """Of loads and stores."""
        return self.load_misses + self.store_misses

    @property
    def hits(self) -> int:
        """Accesses that are not misses."""
        return self.accesses - self.misses

    @property
    def miss_ratio(self) -> float:
        """Misses over accesses; 0 without any."""
        return self.misses / self.accesses if self.accesses else 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What a hierarchy counted.

    What an access causes, evictions and write-backs of other tenants' lines included, counts for its own core
    and tenant. An inclusive L3 and a flush do not change who counts.
    """

    levels: tuple[str, ...]  # "l1" ..., and last "memory", of which loads are reads and stores are writes
    table: Integers  # [tenants, cores, levels, fields of LevelCounts]

    def of(self, level: str, *, core: int | None = None, tenant: int | None = None) -> LevelCounts:
        """Return the counts of a level, of one core or all, of one tenant or all.

        Raises `ConfigError` for a level, a core or a tenant that does not exist.
        """
        require(level in self.levels, f"a level must be one of {', '.join(self.levels)}", level)
        tenants, cores = self.table.shape[:2]
        for what, number, most in (("core", core, cores), ("tenant", tenant, tenants)):
            require(number is None or 0 <= number < most, f"a {what} must be in 0...{most - 1}", number)
        chosen = self.table[
            slice(None) if tenant is None else slice(tenant, tenant + 1),
            slice(None) if core is None else slice(core, core + 1),
            self.levels.index(level),
        ]
        return LevelCounts(*(int(value) for value in chosen.sum(axis=(0, 1))))


class Hierarchy:
    """Caches of many cores.

    They keep their lines from one `run` to the next:

        caches = Hierarchy(HierarchyConfig(cores=1))
        counts = caches.run(addresses, writes)
        counts.of("l1").miss_ratio
    """

    def __init__(self, config: HierarchyConfig, tenants: int | None = None) -> None:
        """Make empty caches, for so many tenants (default: as many as have way masks, or one)."""
        self.config = config
        self.tenants = max(1, len(config.l3_way_masks)) if tenants is None else tenants
        require(0 < self.tenants <= MAX_TENANTS, f"tenants must be in 1...{MAX_TENANTS}", self.tenants)
        masks = len(config.l3_way_masks)
        if masks:
            require(
                self.tenants <= masks, f"each tenant must have one of the {masks} way masks", self.tenants
            )
        self._caches = make_caches(config, self.tenants)
        self._numbers = LineNumbers(config.line_bytes)
        self._rules = Rules(config.cores, INCLUSIONS[config.inclusion], config.writes_refresh, masks > 0)

    def run(
        self,
        addresses: npt.ArrayLike,
        writes: npt.ArrayLike | None = None,
        cores: npt.ArrayLike | None = None,
        tenants: npt.ArrayLike | None = None,
    ) -> Counts:
        """Let accesses through the caches, in their order, and return what these alone counted.

        addresses: [accesses] of bytes, non-negative. writes: [accesses] whether each is a write (default:
        none). cores, tenants: [accesses] whose each is (default: 0), or one number for all. Raises
        `ConfigError` for arrays of different lengths, and for what does not exist.
        """
        lines = self._numbers.of(_integers("addresses", addresses))
        length = len(lines)
        wrote = np.zeros(length, np.bool_) if writes is None else _bools(writes)
        require(len(wrote) == length, f"there must be as many writes as addresses, {length}", len(wrote))
        by_core = _owners("cores", cores, length, self.config.cores)
        by_tenant = _owners("tenants", tenants, length, self.tenants)
        self._caches.counts[:] = 0
        access_all(self._caches, self._rules, lines, wrote, by_core, by_tenant)
        return self._counts()

    def lines_in(self, level: str, core: int = 0) -> Integers:
        """Return the numbers of the lines [lines] that a level of a core, or that it shares, holds now.

        An address below 32 GiB is in line `address // line_bytes`. Raises `ConfigError` for what does not
        exist.
        """
        names = list(self.config.levels)
        require(level in names, f"a level must be one of {', '.join(names)}", level)
        require(0 <= core < self.config.cores, f"a core must be in 0...{self.config.cores - 1}", core)
        cache = self.config.levels[level]
        first = int(self._caches.firsts[names.index(level), core])
        held = self._caches.lines[first : first + self.config.sets(cache) * cache.ways]
        return np.asarray(held[held >= 0] >> 1, np.int64)

    def _counts(self) -> Counts:
        shape = (self.tenants, self.config.cores, len(self.config.levels) + 1, len(Count))
        return Counts((*self.config.levels, MEMORY), self._caches.counts.reshape(shape).copy())


def _integers(name: str, values: npt.ArrayLike) -> Integers:
    array = np.asarray(values)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise ConfigError(f"{name} must be a row of integers, not {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, np.int64)


def _bools(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "bui" and array.size:
        raise ConfigError(f"writes must be a row of truth values, not {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, np.bool_)


def _owners(name: str, values: npt.ArrayLike | None, length: int, most: int) -> npt.NDArray[np.int32]:
    """Return the core or tenant of each access."""
    if values is None or np.ndim(values) == 0:
        values = np.full(length, 0 if values is None else values)
    array = _integers(name, values)
    require(len(array) == length, f"there must be as many {name} as addresses, {length}", len(array))
    if length:
        least, largest = int(array.min()), int(array.max())
        require(least >= 0, f"{name} must be in 0...{most - 1}", least)
        require(largest < most, f"{name} must be in 0...{most - 1}", largest)
    return array.astype(np.int32)

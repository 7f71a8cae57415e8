"""Caches of a CPU: the configuration of a level, and of the hierarchy that many cores share.

The default is AMD's Threadripper 3990X (Zen 2): each core has an L1 and an L2 of its own, and every four
share an L3, which holds what falls out of their L2. Sizes and ways: AnandTech, Zen 2. The replacement of each
level is not published. `sim.cpu.cache` simulates it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tandemsim.sim.arch.checks import Rules, require, require_integers
from tandemsim.sim.arch.family import Family, Preset

MAX_CORES = 1024  # assumed: twice the largest server of today
MAX_WAYS = 64  # assumed: more than any cache has; each is a bit of a mask
MAX_SETS = 1 << 20  # assumed: 1 GiB of 16 ways; the parts of an address that are renumbered are as large
MAX_LINE_BYTES = 4096  # assumed
MAX_TENANTS = 1024  # assumed


class Replacement(StrEnum):
    """Which line of a full set is thrown out."""

    LRU = "lru"  # the one whose last use is longest ago
    TREE_PLRU = "tree-plru"  # the one that a bit at each node of a binary tree leads to
    SRRIP = "srrip"  # one that is not expected to be used soon, by 2 bits a line. Jaleel et al., ISCA 2010
    RANDOM = "random"


class Inclusion(StrEnum):
    """What the L3 has to do with the caches above it."""

    NON_INCLUSIVE = "non-inclusive"  # lines that come from memory are put into every level; each evicts alone
    INCLUSIVE = "inclusive"  # the same, and what the L3 evicts leaves the L1 and L2 of its cores too
    EXCLUSIVE = "exclusive"  # it holds what L2 evicted, until a core fetches it
    VICTIM = "victim"  # it holds what L2 evicted, and keeps it; as pycachesim has it


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """One cache: its size, its ways, and its replacement."""

    bytes: int  # 0: there is no such level
    ways: int
    replacement: Replacement = Replacement.LRU  # assumed; of Zen 2 it is not published

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 0, "bytes")
            with rules.apart():
                require_integers(self, 1, "ways", maximum=MAX_WAYS)
        power = self.ways & (self.ways - 1) == 0
        if self.replacement is Replacement.TREE_PLRU:
            require(power, "CacheConfig.ways must be a power of two for tree-plru", self.ways)


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyConfig:
    """The caches of all cores: private L1 and L2, and an L3 for every so many cores.

    All write back, and allocate the line of a write that misses. Caches are not kept coherent: a core that
    writes a line changes its own copy, and the copies of other cores stay.
    """

    cores: int = 64
    island_cores: int = 4  # that share an L3. AnandTech: a CCX of Zen 2 has 4 cores
    line_bytes: int = 64  # AnandTech
    l1: CacheConfig = field(default_factory=lambda: CacheConfig(bytes=32 * 1024, ways=8))
    l2: CacheConfig = field(default_factory=lambda: CacheConfig(bytes=512 * 1024, ways=8))
    l3: CacheConfig = field(default_factory=lambda: CacheConfig(bytes=16 * 1024 * 1024, ways=16))
    inclusion: Inclusion = Inclusion.EXCLUSIVE  # AnandTech: a victim cache, mostly exclusive of L2
    l3_way_masks: tuple[int, ...] = ()  # a bit for each way that tenant 0, 1 ... may fill; (): all fill all
    writes_refresh: bool = True  # a write that hits counts as a use; of pycachesim it does not
    seed: int = 1  # of random replacement

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "cores", "island_cores", maximum=MAX_CORES)
            with rules.apart():
                require_integers(self, 8, "line_bytes", maximum=MAX_LINE_BYTES)
            with rules.apart():
                require_integers(self, 1, "seed")
        line = self.line_bytes
        require(line & (line - 1) == 0, "HierarchyConfig.line_bytes must be a power of two", line)
        require(self.l1.bytes > 0, "HierarchyConfig.l1.bytes must be a positive integer", self.l1.bytes)
        with Rules() as rules:
            for name, level in self.levels.items():
                sets = level.bytes / (level.ways * line)
                rule = f"HierarchyConfig.{name} must have a power of two of sets"
                rule += f" of {level.ways} x {line} bytes, at most {MAX_SETS}"
                whole = int(sets) if sets == int(sets) else 0
                good = 0 < whole <= MAX_SETS and whole & (whole - 1) == 0
                rules.require(good, rule, f"{sets:g}")
            alone = self.l3.bytes == 0 and self.inclusion is not Inclusion.NON_INCLUSIVE
            rules.require(not alone, "HierarchyConfig.inclusion needs an L3", self.inclusion)
            with rules.apart():
                self._check_masks()

    def _check_masks(self) -> None:
        require(len(self.l3_way_masks) <= MAX_TENANTS, "there may be 1024 tenants", len(self.l3_way_masks))
        ways = self.l3.ways
        with Rules() as rules:
            for tenant, mask in enumerate(self.l3_way_masks):
                rule = f"HierarchyConfig.l3_way_masks must leave tenant {tenant} at least one of {ways} ways"
                rules.require(mask > 0, rule, hex(mask))
                rule = f"HierarchyConfig.l3_way_masks of tenant {tenant} must have bits of {ways} ways alone"
                rules.require(mask < 1 << ways, rule, hex(mask))
            rule = "HierarchyConfig.l3_way_masks need an L3"
            rules.require(self.l3.bytes > 0 or not self.l3_way_masks, rule, f"{self.l3.bytes} bytes")

    @property
    def levels(self) -> dict[str, CacheConfig]:
        """The levels that exist, from the core outward."""
        every = {"l1": self.l1, "l2": self.l2, "l3": self.l3}
        return {name: level for name, level in every.items() if level.bytes}

    def sets(self, level: CacheConfig) -> int:
        """Sets of one of the `levels`."""
        return level.bytes // (level.ways * self.line_bytes)

    def sharers(self, name: str) -> int:
        """Cores that share a cache of the level of that name."""
        return min(self.island_cores, self.cores) if name == "l3" else 1


THREADRIPPER_3990X_CACHES = HierarchyConfig()

# As VELTAIR's paper speaks of it: one L3 of 256 MiB.
THREADRIPPER_3990X_SHARED_CACHES = HierarchyConfig(
    island_cores=64, l3=CacheConfig(bytes=256 * 1024 * 1024, ways=16)
)

# For `tandem cache`. It is not a machine: nothing runs on it but addresses.
CACHES = Family(
    name="caches",
    line="the caches of a CPU",
    presets={
        "threadripper-3990x": Preset(
            THREADRIPPER_3990X_CACHES, "64 cores of Zen 2, an exclusive L3 of 16 MiB for every four"
        ),
        "threadripper-3990x-shared": Preset(
            THREADRIPPER_3990X_SHARED_CACHES, "the same with one L3 of 256 MiB"
        ),
    },
)

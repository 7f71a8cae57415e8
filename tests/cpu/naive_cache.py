"""A hierarchy in plain Python, by the words of `sim.arch.cpu.cache`: the oracle of the kernel.

Levels are objects that call each other. A set is a list of ways by their last use, latest first; trees of
PLRU are nested lists. Slow, and nothing in it is shared with the kernel but the config.
"""

from collections import Counter
from dataclasses import dataclass, field

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion, Replacement


@dataclass(eq=False)
class Way:
    number: int
    line: int | None = None
    dirty: bool = False
    hidden: bool = False  # a newer copy is in the set
    rrpv: int = 3


def tree(numbers: list[int]) -> list:
    """[which half is colder, left half, right half], or a number."""
    if len(numbers) == 1:
        return numbers
    half = len(numbers) // 2
    return [0, tree(numbers[:half]), tree(numbers[half:])]


def leaves(node: list) -> list[int]:
    return node if len(node) == 1 else leaves(node[1]) + leaves(node[2])


@dataclass(eq=False)
class Set:
    ways: list[Way]  # latest use first
    tree: list | None = None


class Generator:
    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, count: int) -> int:
        state = self.state
        state = (state ^ (state << 13)) % 2**32
        state = state ^ (state >> 17)
        self.state = (state ^ (state << 5)) % 2**32
        return self.state * count // 2**32


@dataclass(eq=False)
class Cache:
    """One cache. `below` is None where memory is."""

    config: CacheConfig
    name: str
    sets: int
    below: "Cache | None"
    whole: HierarchyConfig
    generator: Generator
    is_last: bool
    above: list["Cache"] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = list(range(self.config.ways))
        power = self.config.replacement is Replacement.TREE_PLRU
        self.content = [
            Set([Way(number) for number in reversed(numbers)], tree(numbers) if power else None)
            for _ in range(self.sets)
        ]

    def set_of(self, line: int) -> Set:
        return self.content[line % self.sets]

    def find(self, line: int) -> Way | None:
        return next((w for w in self.set_of(line).ways if w.line == line and not w.hidden), None)

    def lines(self) -> set[int]:
        return {w.line for s in self.content for w in s.ways if w.line is not None and not w.hidden}

    def touch(self, line: int, way: Way, *, new: bool) -> None:
        own = self.set_of(line)
        own.ways.remove(way)
        own.ways.insert(0, way)
        way.rrpv = 2 if new else 0
        node = own.tree
        while node is not None and len(node) == 3:
            right = way.number in leaves(node[2])
            node[0] = 0 if right else 1
            node = node[2] if right else node[1]

    def empty(self, line: int, way: Way) -> None:
        own = self.set_of(line)
        own.ways.remove(way)
        own.ways.append(way)
        way.line, way.dirty, way.rrpv = None, False, 3

    def victim(self, line: int, tenant: int) -> Way:
        masks = self.whole.l3_way_masks if self.is_last else ()
        mask = masks[tenant] if masks else (1 << self.config.ways) - 1
        own = self.set_of(line)
        ways = [w for w in own.ways if mask >> w.number & 1]
        if self.config.replacement is Replacement.LRU:
            return ways[-1]
        ways.sort(key=lambda w: w.number)
        for way in ways:
            if way.line is None:
                return way
        if self.config.replacement is Replacement.SRRIP:
            while all(w.rrpv < 3 for w in ways):
                for way in ways:
                    way.rrpv += 1
            return next(w for w in ways if w.rrpv == 3)
        if self.config.replacement is Replacement.RANDOM:
            return ways[self.generator.below(len(ways))]
        node, allowed = own.tree, {w.number for w in ways}
        while len(node) == 3:
            half = node[1 + node[0]]
            node = half if allowed & set(leaves(half)) else node[2 - node[0]]
        return next(w for w in ways if w.number == node[0])


class NaiveHierarchy:
    def __init__(self, config: HierarchyConfig) -> None:
        self.config = config
        self.counts: Counter = Counter()  # (tenant, core, level, what)
        generator = Generator(config.seed)
        names = list(config.levels)
        self.first: list[Cache] = []
        self.caches: list[Cache] = []
        shared: dict[tuple[str, int], Cache] = {}
        for core in range(config.cores):
            below = None
            for name in reversed(names):
                key = (name, core // config.sharers(name))
                if key not in shared:
                    level = config.levels[name]
                    sets = level.bytes // level.ways // config.line_bytes
                    cache = Cache(level, name, sets, below, config, generator, name == names[-1])
                    shared[key] = cache
                    self.caches.append(cache)
                if below is not None and shared[key] not in below.above:
                    below.above.append(shared[key])
                below = shared[key]
            self.first.append(below)

    def access(self, address: int, write: bool = False, core: int = 0, tenant: int = 0) -> None:
        self.who = (tenant, core)
        line = address // self.config.line_bytes
        cache = self.first[core]
        if write:
            self.store(cache, line)
        else:
            self.load(cache, line)

    def count(self, cache: Cache | None, what: str) -> None:
        self.counts[*self.who, cache.name if cache else "memory", what] += 1

    def load(self, cache: Cache | None, line: int) -> bool:
        """Load a line through a cache; whether it was given away dirty."""
        self.count(cache, "loads")
        if cache is None:
            return False
        way = cache.find(line)
        if way is not None:
            if cache.is_last and self.config.inclusion is Inclusion.EXCLUSIVE:
                dirty = way.dirty
                cache.empty(line, way)
                return dirty
            cache.touch(line, way, new=False)
            return False
        self.count(cache, "load_misses")
        return self.bring(cache, line)

    def bring(self, cache: Cache, line: int) -> bool:
        """After a miss, get the line from below, and put it here; whether it is dirty and not put here."""
        dirty = self.load(cache.below, line)
        if cache.is_last and self.config.inclusion in (Inclusion.EXCLUSIVE, Inclusion.VICTIM):
            return dirty
        self.put(cache, line, dirty)
        return False

    def store(self, cache: Cache, line: int) -> None:
        self.count(cache, "stores")
        way = cache.find(line)
        if way is None:
            self.count(cache, "store_misses")
            self.bring(cache, line)
            cache.find(line).dirty = True
        else:
            way.dirty = True
            if self.config.writes_refresh:
                cache.touch(line, way, new=False)

    def put(self, cache: Cache, line: int, dirty: bool) -> None:
        way = cache.victim(line, self.who[0])
        old, was_dirty, had = way.line, way.dirty, way.line is not None
        hidden = way.hidden
        way.line, way.dirty, way.hidden = line, dirty, False
        cache.touch(line, way, new=True)
        if not had:
            return
        self.count(cache, "evictions")
        if cache.is_last and self.config.inclusion is Inclusion.INCLUSIVE:
            was_dirty |= self.invalidate(cache, old)
        if cache.below is None:
            if was_dirty:
                self.count(cache, "write_backs")
                self.count(None, "stores")
            return
        if was_dirty:
            self.count(cache, "write_backs")
        assert not hidden
        if cache.below.is_last and self.config.inclusion is Inclusion.EXCLUSIVE:
            self.give_down(cache.below, old, was_dirty)
        elif cache.below.is_last and self.config.inclusion is Inclusion.VICTIM:
            self.throw_down(cache.below, old, was_dirty)
        elif was_dirty:
            self.store(cache.below, old)

    def give_down(self, cache: Cache, line: int, dirty: bool) -> None:
        """To an exclusive cache."""
        self.count(cache, "stores" if dirty else "victims")
        way = cache.find(line)
        if way is None:
            if dirty:
                self.count(cache, "store_misses")
            self.put(cache, line, dirty)
        else:
            way.dirty |= dirty
            if self.config.writes_refresh:
                cache.touch(line, way, new=False)

    def throw_down(self, cache: Cache, line: int, dirty: bool) -> None:
        """To a victim cache: what is dirty is stored, what is clean is put in anew beside an older copy."""
        self.count(cache, "stores" if dirty else "victims")
        way = cache.find(line)
        if way is None:
            if dirty:
                self.count(cache, "store_misses")
            self.put(cache, line, dirty)
        elif dirty:
            way.dirty = True
            if self.config.writes_refresh:
                cache.touch(line, way, new=False)
        else:
            way.hidden = True
            self.put(cache, line, False)

    def invalidate(self, cache: Cache, line: int) -> bool:
        dirty = False
        for upper in cache.above:
            way = upper.find(line)
            if way is not None:
                dirty |= way.dirty
                upper.empty(line, way)
                self.count(upper, "invalidations")
            dirty |= self.invalidate(upper, line)
        return dirty

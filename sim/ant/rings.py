"""Scratchpads in bytes: what is loaded takes the place of what was loaded first and is used up.

Planned ahead, in the order of the tasks of one engine. `Ring.need` says for each load after which task its
place is free; a load may run as far ahead of its task as that allows. What is reserved stays until it is
released. Words come from a list of free ones, so only how many there are counts, not where they lie.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from tandemsim.sim.arch.checks import ConfigError

NONE = -1


@dataclass(slots=True)
class _Entry:
    key: Hashable
    size: int
    last: int  # task that uses it last, so far


class Ring:
    """A scratchpad of `capacity` bytes, or one of `parts` of them; `name` is its config field.

    Loads run at most `ahead` bytes ahead of the task that needs them, or those of one task: all loads take
    turns at the DRAM, and what is needed much later would keep what is needed soon waiting.
    """

    def __init__(self, name: str, capacity: int, ahead: int, parts: int = 1) -> None:
        self.name, self.capacity, self.ahead, self.parts = name, capacity, ahead, parts
        self._loads: deque[tuple[int, int]] = deque()  # task that a load was for, its bytes
        self._loaded, self._begun = 0, NONE  # bytes of these; the last task of those that are no longer ahead
        self._entries: deque[_Entry] = deque()
        self._by_key: dict[Hashable, _Entry] = {}
        self._reserved: dict[Hashable, int] = {}
        self._used, self._after = 0, NONE

    def need(self, key: Hashable, size: int, task: int) -> int | None:
        """Return None if `key` is there for `task`; else the task after which a load of it has its place.

        Raises `ConfigError` where the ring cannot hold it beside what the task needs, too.
        """
        entry = self._by_key.get(key)
        if entry is not None:
            entry.last = max(entry.last, task)
            return None
        after = self._make_room(size, task)
        entry = _Entry(key, size, task)
        self._entries.append(entry)
        self._by_key[key] = entry
        return max(after, self._behind(size, task))

    def _behind(self, size: int, task: int) -> int:
        """Note a load; return the task after which it is not too far ahead."""
        self._loads.append((task, size))
        self._loaded += size
        while self._loaded > self.ahead and self._loads[0][0] < task:
            self._begun, freed = self._loads.popleft()
            self._loaded -= freed
        return self._begun

    def reserve(self, key: Hashable, size: int, task: int) -> int:
        """Reserve `size` bytes from `task` on; return the task after which they are free.

        Raises `ConfigError` as `need` does.
        """
        after = self._make_room(size, task)
        self._reserved[key] = size
        return after

    def release(self, key: Hashable, task: int) -> None:
        """Give back what was reserved; `task` is the last that uses it."""
        entry = _Entry(key, self._reserved.pop(key), task)
        self._entries.appendleft(entry)
        self._by_key[key] = entry

    def _make_room(self, size: int, task: int) -> int:
        """Take `size` bytes for `task`; return the task after which they are free."""
        kept: list[_Entry] = []
        while self._used + size > self.capacity and self._entries:
            oldest = self._entries.popleft()
            if oldest.last >= task:
                kept.append(oldest)
                continue
            self._after = max(self._after, oldest.last)
            self._used -= oldest.size
            del self._by_key[oldest.key]
        self._entries.extendleft(reversed(kept))
        if self._used + size > self.capacity:
            needed, held = ((self._used + size) * self.parts, self.capacity * self.parts)
            rule = f"{self.name}.capacity_bytes must hold what a task with these tiles needs, {needed} bytes"
            raise ConfigError(f"{rule}, not {held}")
        self._used += size
        return self._after

    def keep(self, key: Hashable, task: int) -> bool:
        """Keep what is there until `task` has used it; return whether it is."""
        entry = self._by_key.get(key)
        if entry is not None:
            entry.last = max(entry.last, task)
        return entry is not None


class Outgoing:
    """A scratchpad of results on their way to DRAM: a task needs room, which earlier writes give back."""

    def __init__(self, name: str, capacity: int, parts: int = 1) -> None:
        self.name, self.capacity, self.parts = name, capacity, parts
        self._writes: deque[tuple[int, int]] = deque()  # size, number of the write
        self._used = 0

    def room(self, size: int) -> list[int]:
        """Return the writes that must be complete before a task with results of `size` bytes may start."""
        if size > self.capacity:
            needed, held = size * self.parts, self.capacity * self.parts
            rule = f"{self.name}.capacity_bytes must hold what results of a task need, {needed} bytes"
            raise ConfigError(f"{rule}, not {held}")
        awaited = []
        while self._used + size > self.capacity:
            freed, write = self._writes.popleft()
            self._used -= freed
            awaited.append(write)
        return awaited

    def add(self, size: int, write: int) -> None:
        """Note a write that will move `size` bytes of results out."""
        self._writes.append((size, write))
        self._used += size

"""Ops that differ only in the number of their layer, shown as one: ``layer.0-11.attention``.

Networks repeat themselves; a table of 144 equal lines says less than one. Ops are grouped when they are the
same work (kind, tiles, MACs), their names differ in one number, and their cycles lie within `TOLERANCE`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from tandemsim.sim.report.contract import NotRun, OpReport
from tandemsim.sim.report.rules import ratio

TOLERANCE = 0.01  # assumed: what refresh and row conflicts change between equal layers stays below this


@dataclass(frozen=True, slots=True)
class OpGroup:
    """Ops that are alike, under one name."""

    name: str
    ops: tuple[OpReport, ...]

    @property
    def cycles(self) -> int:
        """Cycles of all its ops."""
        return sum(op.cycles for op in self.ops)

    @property
    def cycles_each(self) -> str:
        """Cycles of one op as text, ``~`` before an average of several."""
        about = "" if len({op.cycles for op in self.ops}) == 1 else "~"
        return f"{about}{round(self.cycles / len(self.ops)):,}"

    @property
    def compute_cycles(self) -> int:
        return sum(op.compute_cycles for op in self.ops)

    @property
    def stall_cycles(self) -> dict[str, int]:
        """Cycles of each cause of all its ops."""
        names = dict.fromkeys(name for op in self.ops for name in op.stall_cycles)
        return {name: sum(op.stall_cycles.get(name, 0) for op in self.ops) for name in names}

    @property
    def stalled(self) -> int:
        """Cycles in which its ops stalled."""
        return sum(sum(op.stall_cycles.values()) for op in self.ops)

    @property
    def utilization(self) -> float:
        return ratio(sum(op.macs for op in self.ops), sum(op.cycles * op.multipliers for op in self.ops))


@dataclass(frozen=True, slots=True)
class NotRunGroup:
    """Ops of one kind that did not run for one reason."""

    kind: str
    reason: str
    count: int
    macs: int


def grouped(ops: Sequence[OpReport]) -> list[OpGroup]:
    """Return the ops in groups, in the order of each group's first op."""
    slots = _varying_slots([op.name for op in ops])
    groups: dict[Hashable, tuple[int, list[OpReport]]] = {}
    for op, slot in zip(ops, slots, strict=True):
        work = (_without(_parts(op.name), slot), op.kind, op.tiles, op.macs)
        serial = 0
        while (key := (*work, serial)) in groups and not _near(groups[key][1][0], op):
            serial += 1
        groups.setdefault(key, (slot, []))[1].append(op)
    return [_group(slot, members) for slot, members in groups.values()]


def longest(groups: Sequence[OpGroup], count: int) -> list[OpGroup]:
    """Return at most `count` groups, those with the most cycles, in the order in which they came."""
    chosen = sorted(range(len(groups)), key=lambda place: -groups[place].cycles)[:count]
    return [groups[place] for place in sorted(chosen)]


def not_run_groups(not_run: Iterable[NotRun]) -> list[NotRunGroup]:
    """Return what did not run by kind and reason, the most MACs first."""
    count: Counter[tuple[str, str]] = Counter()
    macs: Counter[tuple[str, str]] = Counter()
    for op in not_run:
        count[op.kind, op.reason] += 1
        macs[op.kind, op.reason] += op.macs
    groups = [NotRunGroup(kind, reason, count[kind, reason], macs[kind, reason]) for kind, reason in count]
    return sorted(groups, key=lambda group: (-group.macs, group.kind, group.reason))


def _parts(name: str) -> list[str]:
    """Split a name into texts (even places) and numbers (odd places)."""
    return re.split(r"(\d+)", name)


def _without(parts: list[str], slot: int) -> tuple[str, ...]:
    return tuple("#" if slot and place == slot else part for place, part in enumerate(parts))


def _varying_slots(names: Sequence[str]) -> list[int]:
    """Return, for each name, the place of the number in which most others differ; 0 if it has none."""
    split = [_parts(name) for name in names]
    alike = Counter(_without(parts, slot) for parts in split for slot in range(1, len(parts), 2))
    return [_most_alike(parts, alike) for parts in split]


def _most_alike(parts: list[str], alike: Counter[tuple[str, ...]]) -> int:
    return max(range(1, len(parts), 2), key=lambda slot: alike[_without(parts, slot)], default=0)


def _near(first: OpReport, other: OpReport) -> bool:
    return abs(first.cycles - other.cycles) <= TOLERANCE * first.cycles


def _group(slot: int, ops: list[OpReport]) -> OpGroup:
    parts = _parts(ops[0].name)
    if slot and len(ops) > 1:
        parts[slot] = ranges(int(_parts(op.name)[slot]) for op in ops)
    return OpGroup("".join(parts), tuple(ops))


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers as text, neighbors joined: ``0-3,7``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)

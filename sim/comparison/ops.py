"""The ops of several runs side by side, matched by name; those that are alike in every run as one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tandemsim.sim.comparison.metrics import CYCLES
from tandemsim.sim.comparison.runs import Group, Runs, Section, best_places
from tandemsim.sim.report.contract import OpReport
from tandemsim.sim.report.groups import OpGroup, grouped

Key = tuple[str, int]  # an op's name, and how many of that name came before it in its run


@dataclass(frozen=True, slots=True)
class OpRow:
    """An op, or ops that are alike. `cells` has a group for each run of the section; None: it did not run."""

    name: str
    kind: str
    cells: tuple[OpGroup | None, ...]
    best: frozenset[int]  # places of cells


def op_rows(runs: Runs, section: Section) -> list[OpRow]:
    """Return the ops of the section's runs in the order in which they come first; best are fewest cycles.

    Of runs whose clocks differ none is best, as in `Runs.best`.
    """
    each = [_alike(runs.reports[place].ops) for place in section.runs]
    if not _agree(each):
        each = [_one_by_one(runs.reports[place].ops) for place in section.runs]
    places = {run: cell for cell, run in enumerate(section.runs)}
    groups = [
        Group(tuple(places[run] for run in group.runs))
        for group in section.groups
        if runs.have_one_clock(group)
    ]
    rows = []
    for keys in dict.fromkeys(keys for found in each for keys in found):
        cells = tuple(found.get(keys) for found in each)
        first = next(cell for cell in cells if cell is not None)
        cycles = [cell.cycles if cell is not None else None for cell in cells]
        rows.append(OpRow(first.name, first.ops[0].kind, cells, best_places(groups, cycles, CYCLES)))
    return rows


def _alike(ops: Iterable[OpReport]) -> dict[tuple[Key, ...], OpGroup]:
    ops = tuple(ops)
    keys = {id(op): key for op, key in zip(ops, _keys(ops), strict=True)}
    return {tuple(keys[id(op)] for op in group.ops): group for group in grouped(ops)}


def _one_by_one(ops: Iterable[OpReport]) -> dict[tuple[Key, ...], OpGroup]:
    ops = tuple(ops)
    return {(key,): OpGroup(op.name, (op,)) for op, key in zip(ops, _keys(ops), strict=True)}


def _keys(ops: Iterable[OpReport]) -> list[Key]:
    seen: Counter[str] = Counter()
    keys = []
    for op in ops:
        keys.append((op.name, seen[op.name]))
        seen[op.name] += 1
    return keys


def _agree(each: Iterable[dict[tuple[Key, ...], OpGroup]]) -> bool:
    """Whether no two runs group an op differently."""
    groups: dict[Key, tuple[Key, ...]] = {}
    return all(groups.setdefault(key, keys) == keys for found in each for keys in found for key in keys)

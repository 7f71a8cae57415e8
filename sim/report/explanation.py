"""What `--explain` has found, as people read it: ops that are alike share one entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import percent
from tandemsim.sim.report.groups import grouped

MAX_EXPLAINED = 12  # entries of a few lines each; a screen


def explained(report: Report) -> list[dict[str, Any]]:
    """Return the entries of the report. Those of one group of ops that say the same are one.

    Its figures are those of the first: the others differ by less than a group allows. `total` is the cycles
    of all its ops; an entry that is of no op is of the whole run.
    """
    groups = {op.name: (group.name, op.cycles) for group in grouped(report.ops) for op in group.ops}
    first: dict[object, dict[str, Any]] = {}
    for entry in report.explanation:
        name, cycles = groups.get(entry["op"], (entry["op"], report.cycles))
        words = re.sub(r"[\d.]+ %", "", entry["bound"])
        said = name, words, frozenset(tried["set"] for tried in entry["settings"])
        merged = first.setdefault(said, {**entry, "op": name, "total": 0})
        merged["total"] += cycles
    return list(first.values())


def longest_explained(entries: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return at most `count` entries, those of the most cycles, in the order in which they came."""
    chosen = sorted(range(len(entries)), key=lambda place: -entries[place]["total"])[:count]
    return [entries[place] for place in sorted(chosen)]


def saved(tried: Mapping[str, Any]) -> str:
    """Return what a setting gains: ``7.1 % fewer``."""
    gain = tried["gain"]
    return f"{percent(abs(gain), 1)} {'fewer' if gain >= 0 else 'more'}"

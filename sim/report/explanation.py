"""What `--explain` has found, as people read it: ops that are alike share one entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import percent
from tandemsim.sim.report.groups import grouped


def explained(report: Report) -> list[dict[str, Any]]:
    """Return the entries of the report. Those of one group of ops that name the same settings are one.

    Its cycles are those of the first: the others differ by less than a group allows.
    """
    names = {op.name: group.name for group in grouped(report.ops) for op in group.ops}
    first: dict[object, dict[str, Any]] = {}
    for entry in report.explanation:
        name = names.get(entry["op"], entry["op"])
        said = name, entry["bound"], tuple(tried["set"] for tried in entry["settings"])
        first.setdefault(said, {**entry, "op": name})
    return list(first.values())


def saved(tried: Mapping[str, Any]) -> str:
    """Return what a setting gains: ``7.1 % fewer``."""
    gain = tried["gain"]
    return f"{percent(abs(gain), 1)} {'fewer' if gain >= 0 else 'more'}"

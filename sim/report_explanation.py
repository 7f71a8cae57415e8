"""What `--explain` has found, as people read it: ops that are alike share one entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sim.report import Report
from sim.report_format import percent
from sim.report_groups import grouped


def explained(report: Report) -> list[dict[str, Any]]:
    """Return the entries of the report, those that say the same of the ops of one group as one."""
    names = {op.name: group.name for group in grouped(report.ops) for op in group.ops}
    entries = [{**entry, "op": names.get(entry["op"], entry["op"])} for entry in report.explanation]
    return list({json.dumps(entry, sort_keys=True): entry for entry in entries}.values())


def saved(tried: Mapping[str, Any]) -> str:
    """Return what a setting gains: ``7.1 % fewer``."""
    gain = tried["gain"]
    return f"{percent(abs(gain), 1)} {'fewer' if gain >= 0 else 'more'}"

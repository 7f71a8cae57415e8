"""Totals of a run out of its parts: what the outcome of every machine sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tandemsim.sim.report.contract import Energy, TensorTraffic

PARTS = ("array", "scratchpad", "dram", "static")


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum under each name, in the order in which the names are met first."""
    total: dict[str, int] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def tensor_traffic(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, TensorTraffic]:
    """Return the DRAM traffic of each tensor, summed over ops; of a part, tensor -> counts by name."""
    parts = list(parts)
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: TensorTraffic(**summed(part.get(name, {}) for part in parts)) for name in names}


def energy(actions: Mapping[str, float]) -> Energy:
    """Return the energy of each part of the machine; actions are named ``array.mac``, in pJ."""
    spent = {part: [pj for name, pj in actions.items() if name.startswith(f"{part}.")] for part in PARTS}
    return Energy(**{part: math.fsum(amounts) for part, amounts in spent.items()})

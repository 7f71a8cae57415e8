"""The vocabulary of reports: kinds of numbers, as JSON Schema has them, and claims that must hold of them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Annotated, NamedTuple


class Rule(NamedTuple):
    """A keyword of JSON Schema, in an annotation. A text in an annotation is a description."""

    keyword: str
    value: object


Count = Annotated[int, Rule("minimum", 0)]
Positive = Annotated[int, Rule("minimum", 1)]
Amount = Annotated[float, Rule("minimum", 0)]
Ratio = Annotated[float, Rule("minimum", 0), Rule("maximum", 1)]
Digest = Annotated[str, Rule("pattern", "^[0-9a-f]{64}$")]
StallCycles = Annotated[Mapping[str, Count], "cycles in which nothing was computed, by cause"]


class InvariantError(RuntimeError):
    """Numbers of a report that contradict each other: a bug in the machine that made them."""


def check(holds: bool, claim: str) -> None:
    """Raise `InvariantError` with `claim` unless it holds."""
    if not holds:
        raise InvariantError(f"the report contradicts itself: {claim}")


def check_counts(where: str, counts: Mapping[str, int]) -> None:
    """Check that nothing is negative, and that all are integers."""
    for name, value in counts.items():
        check(operator.index(value) >= 0, f"{where}: {name} is {value}")


def check_cycles(where: str, cycles: int, compute_cycles: int, stall_cycles: Mapping[str, int]) -> None:
    """Every cycle is either one of computing or a stall of one cause."""
    check_counts(where, {"cycles": cycles, "compute_cycles": compute_cycles, **stall_cycles})
    parts = compute_cycles + sum(stall_cycles.values())
    check(cycles == parts, f"{where}: {cycles} cycles, but compute and stalls are {parts}")


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, and 0 where there is no whole."""
    return part / whole if whole else 0.0

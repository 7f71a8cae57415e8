"""How far the machine's values are from those of float64: of an op, of what a model gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.quantize.tensors import decibels


@dataclass(slots=True)
class Difference:
    """Sums over all elements that were added; everything else follows from them."""

    elements: int = 0
    error: float = 0.0  # sum of distances
    squared_error: float = 0.0
    largest: float = 0.0
    size: float = 0.0  # sum of sizes of the reference
    power: float = 0.0  # sum of its squares
    equal: int = 0

    def add(self, computed: Doubles, expected: Doubles) -> None:
        """Add the elements of a tensor."""
        distance, size = np.abs(computed - expected), np.abs(expected)
        self.elements += distance.size
        self.error += float(distance.sum())
        self.squared_error += float((distance**2).sum())
        self.largest = max(self.largest, float(distance.max(initial=0.0)))
        self.size += float(size.sum())
        self.power += float((size**2).sum())
        self.equal += int((distance == 0).sum())

    @property
    def sqnr_db(self) -> float | None:
        """Signal to noise in decibels; None without noise, or without a signal."""
        found = decibels(self.power, self.squared_error) if self.power else math.inf
        return found if math.isfinite(found) else None

    def as_record(self) -> dict[str, float | int | None]:
        """Return the fields of a report."""
        count = max(1, self.elements)
        return {
            "elements": self.elements,
            "equal": self.equal,
            "sqnr_db": self.sqnr_db,
            "mean_abs_error": self.error / count,
            "max_abs_error": self.largest,
            "mean_abs_reference": self.size / count,
        }

"""Operands that are too large for the width of the others: a path of outliers takes them, in more bits.

Obeys: OLAccel (Park, Kim, Yoo, ISCA 2018), as `sim.arch.ant.config.OutlierPath` has it: the largest elements
of a tensor, a share of them all, are integers of more bits; the array sees 0 in their place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.ant.config import OutlierPath
from tandemsim.sim.arch.types import Doubles


class Parted(NamedTuple):
    """A tensor in two parts, each of which is 0 where the other is not."""

    dense: Doubles
    outliers: Doubles | None  # what they stand for; None: the array takes all


def parted(values: Doubles, path: OutlierPath, is_narrow: bool) -> Parted:
    """Part a tensor; those alone that are narrow have outliers."""
    count = math.ceil(values.size * path.share) if is_narrow else 0
    if not count:
        return Parted(values, None)
    sizes = np.abs(values).reshape(-1)
    largest = np.argsort(-sizes, kind="stable")[:count]
    step = float(sizes[largest[0]]) / (2 ** (path.bits - 1) - 1)
    outliers, dense = np.zeros(values.size), values.reshape(-1).copy()
    if step:
        outliers[largest] = np.round(dense[largest] / step) * step
    dense[largest] = 0.0
    return Parted(dense.reshape(values.shape), outliers.reshape(values.shape))

"""Runs: rows of a tensor as the DMA takes them, equally spaced rows in one transfer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def runs(rows: npt.NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Split ascending row numbers, [rows], into runs ``(first, count, step)`` of equal steps."""
    split: list[tuple[int, int, int]] = []
    values = [int(row) for row in rows]
    start = 0
    while start < len(values):
        end = start + 1
        step = values[end] - values[start] if end < len(values) else 1
        while end < len(values) and values[end] - values[end - 1] == step:
            end += 1
        split.append((values[start], end - start, step))
        start = end
    return split

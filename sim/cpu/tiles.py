"""The code versions that a layer could have: how its loop nest may be cut into chunks, and in which order.

A version is a tile of Tm rows by Tn columns of the outputs, all of K inside it, and which of both loops is
the outer one. Tiles are equal: divisors of the extents, as VELTAIR's profile shows (with powers of two, 56
cores would be as slow as 40). Larger tiles move less between L3 and the cores; smaller ones are more chunks
for them. Nothing here is a time.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Doubles, Integers
from tandemsim.sim.cpu.shapes import VALUE_BYTES, Shape

MOST_CHUNKS = 4096  # assumed: 64 for each of 64 cores
FEW_DIVISORS = 8  # of an extent: then it is cut into powers of two as well, whose last chunk is smaller
VECTOR = 8  # columns that a tile has at least, where there are as many


class Tilings(NamedTuple):
    """Versions of one layer, a row each."""

    row_parts: Integers  # into which m is cut
    col_parts: Integers  # into which n is cut
    group_parts: Integers  # into which the groups are cut
    weights_once: Bools  # columns outermost: each weight is read by one island
    chunks: Integers
    past_l2_bytes: Doubles  # that cross from L3 to the cores' L2

    def take(self, rows: Integers) -> Tilings:
        """Return some of the versions."""
        return Tilings._make(column[rows] for column in self)


def tilings(shape: Shape, l2_bytes: int) -> Tilings:
    """Return every version of a layer. Of each chunk, rows or columns fit into half of an L2."""
    if shape.passes:
        return _passes(shape)
    grid = np.array(_cuts(shape), np.int64)
    rows, cols, parts, once = grid.T
    rows_bytes = shape.k / shape.kernel**2 * shape.m / rows * VALUE_BYTES
    cols_bytes = shape.k * shape.n / cols * VALUE_BYTES
    inner = np.minimum(rows_bytes, cols_bytes)
    fits = inner <= max(l2_bytes / 2, float(inner.min()))
    grid, rows, cols, parts = grid[fits], rows[fits], cols[fits], parts[fits]
    once = grid[:, 3].astype(np.bool_)
    left, right = shape.left_bytes, shape.right_bytes
    halo = np.minimum(rows, _halo(shape.kernel, shape.m / rows))  # a strip is at most the whole matrix
    reread = cols * left * halo + rows * right
    return Tilings(
        row_parts=rows,
        col_parts=cols,
        group_parts=parts,
        weights_once=once,
        chunks=rows * cols * parts,
        past_l2_bytes=reread + shape.output_bytes + shape.beside_bytes,
    )


def version_name(shape: Shape, every: Tilings, row: int) -> str:
    """Return how a version cuts a layer: rows x columns of a chunk, and which loop is the outer one."""
    rows, cols = -(-shape.m // int(every.row_parts[row])), -(-shape.n // int(every.col_parts[row]))
    if shape.passes:
        return f"{rows} rows"
    order = "columns" if every.weights_once[row] else "rows"
    groups = -(-shape.groups // int(every.group_parts[row]))
    many = f" x {groups} groups" if groups > 1 else ""
    return f"{rows} x {cols}{many}, {order} outermost"


def _passes(shape: Shape) -> Tilings:
    """Passes are cut by rows alone; nothing is read twice. One of them leaves all to one core."""
    parts = np.array([p for p in divisors(shape.m) if p <= MOST_CHUNKS // 4], np.int64)
    ones = np.ones_like(parts)
    moved = shape.left_bytes + shape.right_bytes + shape.beside_bytes + shape.output_bytes
    return Tilings(parts, ones, ones, ones < 0, parts, np.full(len(parts), moved))


def _cuts(shape: Shape) -> list[tuple[int, int, int, int]]:
    """Return (parts of rows, of columns, of groups, columns outermost) of every version."""
    groups = divisors(shape.groups)
    return [
        (rows, cols, parts, once)
        for rows in divisors(shape.m)
        for cols in divisors(shape.n)
        if cols == 1 or shape.n >= cols * VECTOR
        for parts in (groups if cols == 1 else groups[-1:])
        if rows * cols * parts <= max(MOST_CHUNKS, shape.groups)
        for once in (1, 0)
    ]


def _halo(kernel: int, rows: Doubles) -> Doubles:
    """Return how often inputs are read, as neighboring tiles of so many rows share a border of them."""
    return np.minimum(kernel * kernel, (1 + (kernel - 1) / np.sqrt(rows)) ** 2)


@lru_cache(maxsize=4096)
def divisors(extent: int) -> tuple[int, ...]:
    """Return into how many equal parts an extent is cut: its divisors, and more if they are few."""
    small = [d for d in range(1, math.isqrt(extent) + 1) if extent % d == 0]
    found = {*small, *(extent // d for d in small)}
    if len(found) < FEW_DIVISORS:
        found |= {1 << bit for bit in range(extent.bit_length()) if 1 << bit <= extent}
    return tuple(sorted(found))

"""The address stream of a code version past L2: what the cores of a team on one island ask of their L3.

Chunks run in the order of the loop nest, groups outermost, and so many at a time as there are cores: a round.
Each chunk reads a strip of the left matrix, with a border that its neighbors read too, and a slab of the
right one, and writes its tile of the outputs; nothing of that is in the core's L2 when it starts. Of a pass
nothing is read twice. Lines of one chunk come in proportion, and cores take turns line by line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import LINE_BYTES
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.shapes import Shape
from tandemsim.sim.cpu.tiles import Tilings
from tandemsim.sim.engine.jit import jit


class Nests(NamedTuple):
    """Loop nests of versions, a row each. Bytes are of one chunk."""

    groups: Integers
    rows: Integers  # strips of the left matrix of a group
    cols: Integers  # slabs of the right one
    columns_outermost: Integers
    strip_bytes: Doubles  # of the left matrix, without the border
    border_bytes: Doubles  # that neighboring strips read too
    slab_bytes: Doubles  # of the right matrix
    rest_bytes: Doubles  # that no other chunk touches

    @property
    def chunk_bytes(self) -> Doubles:
        """All that a chunk moves between L3 and its core."""
        return np.asarray(self.strip_bytes + self.border_bytes + self.slab_bytes + self.rest_bytes)


def nests_of(shape: Shape, versions: Tilings) -> Nests:
    """Return the loop nests of some versions of a layer.

    What they move is their `past_l2_bytes`, less what a border that is wider than the matrix adds to these.
    """
    rows, cols, groups = versions.row_parts, versions.col_parts, versions.group_parts
    chunks = versions.chunks
    if shape.passes:
        none = np.zeros(len(chunks))
        return Nests(
            groups, rows, cols, none.astype(np.int64), none, none, none, versions.past_l2_bytes / chunks
        )
    strip, slab = shape.left_bytes / (groups * rows), shape.right_bytes / (groups * cols)
    rest = np.full(len(chunks), shape.output_bytes + shape.beside_bytes) / chunks
    border = np.maximum(0.0, versions.past_l2_bytes / chunks - strip - slab - rest)
    border = np.minimum(border, (rows - 1) * strip)  # there is no more to read
    return Nests(groups, rows, cols, versions.weights_once.astype(np.int64), strip, border, slab, rest)


def lines_of(nests: Nests, version: int, cores: int, count: int) -> Integers:
    """Return the first `count` lines [count] that a team of `cores` asks for.

    A layer that ends begins anew on other data. The matrices of each run lie one behind the other.
    """
    nest = [column[version] for column in nests]
    loops = np.array(nest[:4], np.int64)
    sizes = np.array(
        [max(1.0, np.round(size / LINE_BYTES)) if size > 0 else 0.0 for size in nest[4:]], np.int64
    )
    lines = np.empty(count, np.int64)
    _fill(lines, loops, sizes, cores)
    return lines


@jit
def _fill(lines: Integers, loops: Integers, sizes: Integers, cores: int) -> None:
    groups, rows, cols, columns_outermost = loops[0], loops[1], loops[2], loops[3]
    strip, border, slab, rest = sizes[0], sizes[1], sizes[2], sizes[3]
    chunks = groups * rows * cols
    left, right = strip * rows, slab * cols  # of a group
    wide = min(strip + border, max(left, strip))
    each = wide + slab + rest
    starts = np.zeros((cores, 3), np.int64)
    run_lines = groups * (left + right) + chunks * rest
    base, count, filled = 0, len(lines), 0
    while True:
        for first in range(0, chunks, cores):
            busy = min(cores, chunks - first)
            for core in range(busy):
                group, within = divmod(first + core, rows * cols)
                if columns_outermost:
                    col, row = divmod(within, rows)
                else:
                    row, col = divmod(within, cols)
                start = min(max(0, row * strip - border // 2), left - wide)
                starts[core, 0] = base + group * (left + right) + start
                starts[core, 1] = base + group * (left + right) + left + col * slab
                starts[core, 2] = base + groups * (left + right) + (first + core) * rest
            from_left, from_right, from_rest = 0, 0, 0
            for _ in range(each):
                # Of the three, the one that is the furthest behind.
                part_left = (2 * from_left + 1) / wide if from_left < wide else 3.0
                part_right = (2 * from_right + 1) / slab if from_right < slab else 3.0
                part_rest = (2 * from_rest + 1) / rest if from_rest < rest else 3.0
                if part_left <= part_right and part_left <= part_rest:
                    which, at = 0, from_left
                    from_left += 1
                elif part_right <= part_rest:
                    which, at = 1, from_right
                    from_right += 1
                else:
                    which, at = 2, from_rest
                    from_rest += 1
                for core in range(busy):
                    lines[filled] = starts[core, which] + at
                    filled += 1
                    if filled == count:
                        return
        base += run_lines

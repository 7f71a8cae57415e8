"""Reuse times, in bytes that a team moves meanwhile, and survival curves: of loop nests, and of any stream.

The reuse times of a loop nest repeat: a strip comes again after as many chunks as a sweep has, a slab with
the next chunk. So they are counted and not simulated. The tests hold them to streams of addresses and to the
exact cache.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.cpu.config import LINE_BYTES
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.curves import KNOT_BYTES
from tandemsim.sim.cpu.streams import Nests
from tandemsim.sim.cpu.tables import TEAM_SIZES
from tandemsim.sim.engine.jit import jit

Curves = tuple[Doubles, Doubles]  # survival and occupied bytes, [..., knots]


def nest_curves(nests: Nests) -> Curves:
    """Return survival and occupied bytes of each version, each [versions, team sizes, knots]."""
    teams = 1 << np.arange(TEAM_SIZES)
    rows, cols = nests.rows[:, None], nests.cols[:, None]
    chunks = (nests.groups * nests.rows * nests.cols)[:, None]
    outermost = nests.columns_outermost[:, None] == 1
    strip, border = nests.strip_bytes[:, None], nests.border_bytes[:, None]
    slab, each = nests.slab_bytes[:, None], nests.chunk_bytes[:, None]
    # Uses of a chunk's bytes that come again: after a stride of so many chunks, in this share of all chunks.
    again = [
        (np.where(outermost, rows, 1), np.where(outermost, strip, strip + border) * (1 - 1 / cols)),
        (np.where(outermost, 1, cols), slab * (1 - 1 / rows)),
        (np.ones_like(rows), np.where(outermost, border, border / cols)),
    ]
    times, shares = list[Doubles](), list[Doubles]()
    for stride, size in again:
        least, crossing = _rounds(stride, chunks, teams)
        share = np.broadcast_to(size / each, crossing.shape)
        times += [1.0 * least * teams * each, 1.0 * (least + 1) * teams * each]
        shares += [share * (1 - crossing), share * crossing]
    return _at_knots(np.stack(times), np.stack(shares))


def stream_curves(lines: Integers) -> Curves:
    """Return survival and occupied bytes, each [knots], of a stream of lines, each of which is LINE_BYTES."""
    numbers = np.unique(lines, return_inverse=True)[1]
    after = _reuse_times(numbers, int(numbers.max()) + 1 if len(numbers) else 0)
    times, counts = np.unique(after[after > 0], return_counts=True)
    return _at_knots((times * LINE_BYTES).astype(np.float64), np.asarray(counts / max(1, len(lines))))


def _rounds(stride: Integers, chunks: Integers, teams: Integers) -> tuple[Integers, Doubles]:
    """Return the rounds between chunks that are `stride` apart, at least, and the share of one more."""
    pairs = np.maximum(1, chunks - stride)
    least, over = stride // teams, stride % teams
    crossing = pairs // teams * over + np.maximum(0, pairs % teams - (teams - over))
    return least, np.asarray(crossing / pairs)


def _at_knots(times: Doubles, shares: Doubles) -> Curves:
    """Return both curves of reuse times [times, ...] and the share of each; what is left is used once."""
    survival = np.empty((*times.shape[1:], len(KNOT_BYTES)))
    occupied = np.empty_like(survival)
    once = np.maximum(0.0, 1 - shares.sum(axis=0))
    for knot, size in enumerate(KNOT_BYTES):
        survival[..., knot] = once + (shares * (times > size)).sum(axis=0)
        occupied[..., knot] = once * size + (shares * np.minimum(times, size)).sum(axis=0)
    survival[..., -1] = once
    return survival, occupied


@jit
def _reuse_times(lines: Integers, distinct: int) -> Integers:
    """Return, of each use of a line, how many uses of any line it is after the last of its own; 0: none."""
    last = np.full(distinct, -1, np.int64)
    times = np.zeros(len(lines), np.int64)
    for index in range(len(lines)):
        line = lines[index]
        if last[line] >= 0:
            times[index] = index - last[line]
        last[line] = index
    return times

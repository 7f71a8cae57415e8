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
    inner = np.where(outermost, rows, cols)
    round_bytes = teams * each
    least, longer = _sweep_rounds(inner, chunks, teams)
    next_longer, seam_longer = _next_rounds(inner, chunks, teams)
    # What comes again with the next chunk of the inner loop, and what with the next sweep of it, as shares of
    # the bytes of a chunk.
    with_next = np.where(outermost, slab, strip + border) * (1 - 1 / inner) / each
    with_sweep = np.where(outermost, strip, slab) * (1 - inner / (rows * cols)) / each
    # Neighbors come to their common border at different moments of a chunk.
    ahead = strip / np.maximum(1.0, strip + border)
    shared = np.where(outermost, border, border / cols) / each
    crossing = np.where(outermost, next_longer, seam_longer)
    # So many sweeps are in one round: their cores read the border at the same two moments.
    together = np.where(outermost, np.clip(teams // rows, 1, cols), 1)
    times = [
        0.0 * round_bytes,
        1.0 * round_bytes,
        1.0 * least * round_bytes,
        1.0 * (least + 1) * round_bytes,
        ahead * round_bytes,
        (1 - ahead) * round_bytes,
    ]
    shares = [
        with_next * (1 - next_longer) + shared * (1 - crossing) * (1 - 1 / together),
        with_next * next_longer,
        with_sweep * (1 - longer),
        with_sweep * longer,
        shared * (1 - crossing) / together,
        shared * crossing,
    ]
    return _at_knots(np.stack(times), np.stack(shares))


def stream_curves(lines: Integers) -> Curves:
    """Return survival and occupied bytes, each [knots], of a stream of lines, each of which is LINE_BYTES."""
    numbers = np.unique(lines, return_inverse=True)[1]
    after = _reuse_times(numbers, int(numbers.max()) + 1 if len(numbers) else 0)
    times, counts = np.unique(after[after > 0], return_counts=True)
    return _at_knots((times * LINE_BYTES).astype(np.float64), np.asarray(counts / max(1, len(lines))))


def _sweep_rounds(inner: Integers, chunks: Integers, teams: Integers) -> tuple[Integers, Doubles]:
    """Return the rounds between chunks that are a sweep apart, at least, and the share of one more."""
    pairs = np.maximum(1, chunks - inner)
    least, over = inner // teams, inner % teams
    longer = pairs // teams * over + np.maximum(0, pairs % teams - (teams - over))
    return least, np.asarray(longer / pairs)


def _next_rounds(inner: Integers, chunks: Integers, teams: Integers) -> tuple[Doubles, Doubles]:
    """Return how often neighboring chunks are in different rounds: of those of one sweep, and of two."""
    ends, seams = chunks // teams, chunks // np.lcm(inner, teams)
    within = np.maximum(1, chunks - chunks // inner)
    return np.asarray((ends - seams) / within), np.asarray(seams / (chunks // inner))


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

"""Splits overlapping bands into bands without common offsets, as a scheduler needs them.

Small dilations come first and stay whole, because a contiguous band is the cheapest on an array. The offsets
that this leaves of a wider dilation are cut into the longest progressions, which may step by a multiple of
that dilation. The split of a pattern decides its tiles, so equal patterns are always split equally.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Band, Bools, Reach, merged
from tandemsim.traces.errors import TraceError

MAX_PIECES = 2**14  # assumed: far beyond what an array could run band by band
MAX_LOOKS = 2**26  # assumed: offsets examined, counting repeats; about five seconds

Ints = NDArray[np.int64]
Run = tuple[int, int, int]  # length, step, first place


@lru_cache(maxsize=256)
def disjoint(bands: tuple[Band, ...], reach: Reach) -> tuple[Band, ...]:
    """Return bands that share no offset and hold those of `bands` that are in `reach`.

    Sorted by dilation, then offset. A single offset has dilation 1. No two bands of one dilation continue one
    another. Raises `TraceError` for bands that overlap in too many ways (`MAX_PIECES`, `MAX_LOOKS`).
    """
    inside = merged(bands, reach)
    dilations = sorted({band.dilation for band in inside})
    result = [_single(band) for band in inside if band.dilation == dilations[0]]  # they share nothing
    if len(dilations) > 1:
        result += _rest(inside, dilations, reach)
    if len(result) > MAX_PIECES:
        raise _entangled()
    return tuple(sorted(_joined(result), key=lambda band: (band.dilation, band.low)))


def _rest(inside: Sequence[Band], dilations: Sequence[int], reach: Reach) -> list[Band]:
    """Return what the bands of all dilations but the first add to it."""
    first = reach.first
    taken: Bools = np.zeros(reach.last - first + 1, np.bool_)
    result: list[Band] = []
    looks = _Looks()
    for position, dilation in enumerate(dilations):
        own = [slice(b.low - first, b.high - first + 1, dilation) for b in inside if b.dilation == dilation]
        if position:
            parts = [np.arange(s.start, s.stop, s.step)[~taken[s]] for s in own]
            steps = sorted({math.lcm(dilation, other) for other in dilations[: position + 1]})
            runs = _progressions(np.sort(np.concatenate(parts)), steps, looks)
            result += [Band(low + first, high + first, step) for low, high, step in runs]
        for places in own:
            taken[places] = True
        if len(result) > MAX_PIECES:
            raise _entangled()
    return result


class _Looks:
    """Counts the offsets that are looked at."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int) -> None:
        self.count += count
        if self.count > MAX_LOOKS:
            raise _entangled()


def _progressions(wanted: Ints, steps: Sequence[int], looks: _Looks) -> list[Run]:
    """Cut sorted places into ``(first, last, step)``, the longest first, of equal ones the smallest step.

    As places are used up, no run gets longer: a step is looked at again only where it could be the best.
    """
    runs: list[Run] = []
    at_most = dict.fromkeys(steps, len(wanted))
    while len(wanted):
        best = (0, 0, 0)
        for step in sorted(steps, key=lambda step: (-at_most[step], step)):
            if (at_most[step], -step) < (best[0], -best[1]):
                continue
            looks.add(len(wanted))
            run = _longest_run(wanted, step)
            at_most[step] = run[0]
            if (run[0], -step) > (best[0], -best[1]):
                best = run
        length, step, first = best
        if length == 1:
            return runs + [(int(place), int(place), 1) for place in wanted]
        last = first + (length - 1) * step
        used = (wanted >= first) & (wanted <= last) & ((wanted - first) % step == 0)
        wanted = wanted[~used]
        runs.append((first, last, step))
        if len(runs) > MAX_PIECES:
            raise _entangled()
    return runs


def _longest_run(wanted: Ints, step: int) -> Run:
    """Return (length, step, first place) of the longest run of sorted places that are `step` apart.

    Of equal ones, that of the lowest residue, then the first.
    """
    lines = wanted[np.argsort(wanted % step, kind="stable")]  # one residue class after the other
    ends = np.flatnonzero(np.diff(lines) != step)
    starts = np.concatenate(([0], ends + 1))
    lengths = np.diff(np.append(starts, len(lines)))
    best = int(np.argmax(lengths))
    return int(lengths[best]), step, int(lines[starts[best]])


def _joined(bands: Sequence[Band]) -> list[Band]:
    """Join bands that continue one another: single offsets left over here and there may do so."""
    result: list[Band] = []
    for band in sorted(bands, key=lambda band: (band.dilation, band.low % band.dilation, band.low)):
        if result and result[-1].dilation == band.dilation and result[-1].high + band.dilation == band.low:
            result[-1] = result[-1]._replace(high=band.high)
        else:
            result.append(band)
    return result


def _single(band: Band) -> Band:
    return band._replace(dilation=1) if band.low == band.high else band


def _entangled() -> TraceError:
    rule = f"must split into at most {MAX_PIECES} bands without common offsets"
    return TraceError(f"{rule}, within {MAX_LOOKS} looks at offsets: these overlap too much", field="bands")

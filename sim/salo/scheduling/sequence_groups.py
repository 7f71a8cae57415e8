"""Groups of a sequence: bands of offsets, cut off or moved inward at the ends of the text.

Step 1 of docs/salo.md, "The schedule". The streams of dilation d are the d residue classes of the tokens, in
which a window is contiguous (SALO's reordering); position p of class r is token ``r + d * p``.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Tokens
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockGroup, StreamBand
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Band, Pattern


def band_groups(pattern: Pattern, streams: Streams) -> list[BlockGroup]:
    """Return the groups of bands that are cut off at the ends: a sweep over the queries for each dilation."""
    groups: list[BlockGroup] = []
    for sweep, (dilation, bands) in enumerate(_bands_by_dilation(pattern).items()):
        for residue, queries, position in _classes(pattern, dilation):
            own = (_in_class(band, residue, dilation, pattern.seq_len, streams) for band in bands)
            known = tuple(band for band in own if band is not None)
            groups.append(BlockGroup(sweep, dilation, known, queries, position))
    return groups


def clamped_groups(pattern: Pattern, streams: Streams, rows: int) -> list[BlockGroup]:
    """Return the groups of a band that is moved inward at both ends, where all queries see the same keys.

    Those are in groups of up to `rows` queries.
    """
    low, _, dilation = pattern.bands[0]
    shift, length = low // dilation, pattern.bands[0].length
    groups = []
    for residue, queries, position in _classes(pattern, dilation):
        stream = streams.add(np.arange(residue, pattern.seq_len, dilation))
        last = len(streams[stream]) - length  # position at which the last window begins
        every = BlockGroup(0, dilation, (), queries, position)
        moved = (-shift, last - shift + 1)  # the windows of queries before and from here are moved inward
        edges = [min(max(place - position, 0), len(queries)) for place in moved]
        before, between, after = (
            every.part(0, edges[0]),
            every.part(*edges),
            every.part(edges[1], len(queries)),
        )
        groups += everyone_sees(before, stream, 0, length, rows)
        if len(between.queries):
            bands = (StreamBand(stream, shift, shift + length - 1, NO_TAG),)
            groups.append(between._replace(bands=bands))
        groups += everyone_sees(after, stream, last, last + length, rows)
    return groups


def everyone_sees(group: BlockGroup, stream: int, first: int, end: int, rows: int) -> list[BlockGroup]:
    """Return `group` in groups of up to `rows` queries, each of which sees ``first..end - 1`` of a stream."""
    found = []
    for part in group.parts(list(range(rows, len(group.queries), rows))):
        last_query = part.position + len(part.queries) - 1
        band = StreamBand(stream, first - last_query, end - 1 - part.position, NO_TAG, first, end)
        found.append(part._replace(bands=(*part.bands, band)))
    return found


def causal(group: BlockGroup) -> BlockGroup:
    """Return a group whose bands are of its own class without the keys that come after each query."""
    bands = (band._replace(high=min(band.high, 0)) for band in group.bands)
    return group._replace(bands=tuple(band for band in bands if band.low <= band.high))


def by_chunks(group: BlockGroup, pattern: Pattern, streams: Streams) -> list[BlockGroup]:
    """Return `group` in groups of one chunk each, whose bands reach as far as `pattern.chunks` lets them."""
    assert pattern.chunks is not None
    size, before, after, phase = pattern.chunks
    chunk = (group.queries.astype(np.int64) + pattern.q_offset + phase) // size
    found = []
    for part in group.parts((np.flatnonzero(np.diff(chunk)) + 1).tolist()):
        own = int(part.queries[0] + pattern.q_offset + phase) // size
        edges = np.array([own - before, own + after + 1], np.int64) * size - phase
        bands = []
        for band in part.bands:
            # Streams ascend, so the keys of some chunks are neighbors in them.
            first, end = np.searchsorted(streams[band.stream], edges).tolist()
            bands.append(band.within(first, end))
        found.append(part._replace(bands=tuple(band for band in bands if band.first < band.end)))
    return found


def _bands_by_dilation(pattern: Pattern) -> dict[int, list[Band]]:
    """Group the disjoint bands of the pattern by dilation.

    A band of a single offset fits any dilation, so it joins a group and takes no sweep of its own.
    """
    disjoint = [_until_query(band) if pattern.causal else band for band in pattern.disjoint_bands()]
    spread = [band for band in disjoint if band.high > band.low]
    single = [band for band in disjoint if band.high == band.low]
    sweeps: dict[int, list[Band]] = {}
    for band in spread:
        sweeps.setdefault(band.dilation, []).append(band)
    home = min(sweeps, default=1)
    if single or not sweeps:
        sweeps.setdefault(home, []).extend(Band(band.low, band.high, home) for band in single)
    return {dilation: sorted(sweeps[dilation]) for dilation in sorted(sweeps)}


def _until_query(band: Band) -> Band:
    """Return the band without the keys after the query; one that has no other ends before it begins."""
    last = band.low + (min(band.high, 0) - band.low) // band.dilation * band.dilation
    return band._replace(high=last)


def _classes(pattern: Pattern, dilation: int) -> list[tuple[int, Tokens, int]]:
    """Return the residue, the queries, and the position of the first of them, of each class with queries."""
    found = []
    for start in range(min(dilation, pattern.q_len)):
        position, residue = divmod(start + pattern.q_offset, dilation)
        found.append((residue, np.arange(start, pattern.q_len, dilation, dtype=np.int32), position))
    return sorted(found, key=lambda one: one[0])


def _in_class(band: Band, residue: int, dilation: int, seq_len: int, streams: Streams) -> StreamBand | None:
    """Return `band` as the queries of one residue class see it; None if its keys are outside the sequence."""
    key_class = (residue + band.low) % dilation
    if key_class >= seq_len:
        return None
    stream = streams.add(np.arange(key_class, seq_len, dilation))
    low = (residue + band.low - key_class) // dilation
    return StreamBand(stream, low, low + (band.high - band.low) // dilation, NO_TAG)

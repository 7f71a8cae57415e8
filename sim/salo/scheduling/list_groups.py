"""Groups of block lists: every query of a block sees the same listed blocks of keys.

Step 1 of docs/salo.md, "The schedule". The keys of a list are a stream of their own, which all rows need
whole. Causal ones stop before the first row's query; the few listed keys after it are bands that end at each
query.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Integers
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockGroup, StreamBand
from tandemsim.sim.salo.scheduling.sequence_groups import everyone_sees
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Pattern


def list_groups(pattern: Pattern, streams: Streams, rows: int) -> list[BlockGroup]:
    """Return a group for each `rows` queries, or fewer where their list or their chunk ends."""
    blocks = pattern.blocks
    assert blocks is not None
    whole = streams.add(np.arange(pattern.seq_len))
    groups = []
    for place, listed in enumerate(blocks.rows):
        queries = np.arange(place * blocks.query, min((place + 1) * blocks.query, pattern.q_len))
        keys = (np.sort(np.array(listed, np.int64))[:, None] * blocks.key + np.arange(blocks.key)).ravel()
        keys = keys[keys < pattern.seq_len]
        every = BlockGroup(0, 1, (), queries.astype(np.int32), int(queries[0]) + pattern.q_offset)
        for part in every.parts(_ends(every, pattern, rows)):
            groups.append(_group(part, _in_reach(keys, part.position, pattern), whole, pattern, streams))
    return groups


def _ends(group: BlockGroup, pattern: Pattern, rows: int) -> list[int]:
    """Return where to cut a group to `rows` queries of one chunk each."""
    starts = [0, len(group.queries)]
    if pattern.chunks is not None:
        chunk = (np.arange(len(group.queries)) + group.position + pattern.chunks.phase) // pattern.chunks.size
        starts += (np.flatnonzero(np.diff(chunk)) + 1).tolist()
    starts.sort()
    return [cut for a, b in zip(starts, starts[1:], strict=False) for cut in range(a, b, rows)][1:]


def _in_reach(keys: Integers, token: int, pattern: Pattern) -> Integers:
    """Return those of `keys` that the chunks of the pattern let a query at `token` see."""
    if pattern.chunks is None:
        return keys
    size, before, after, phase = pattern.chunks
    apart = (keys + phase) // size - (token + phase) // size
    return keys[(-before <= apart) & (apart <= after)]


def _group(part: BlockGroup, keys: Integers, whole: int, pattern: Pattern, streams: Streams) -> BlockGroup:
    """Return the group of a block of rows that sees `keys`, which ascend."""
    first, last = part.position, part.position + len(part.queries) - 1
    of_all = keys[keys <= first] if pattern.causal else keys
    if len(of_all):
        (part,) = everyone_sees(part, streams.add(of_all), 0, len(of_all), len(part.queries))
    if not pattern.causal:
        return part
    later = keys[(first < keys) & (keys <= last)]
    bands = [
        StreamBand(whole, first - last, 0, NO_TAG, int(run[0]), int(run[-1]) + 1)
        for run in np.split(later, np.flatnonzero(np.diff(later) > 1) + 1)
        if len(run)
    ]
    return part._replace(bands=(*part.bands, *bands))

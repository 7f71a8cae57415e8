"""From a pattern to groups of queries that share their bands: which kind of window becomes what.

Step 1 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from tandemsim.sim.salo.scheduling.blocks import BlockGroup
from tandemsim.sim.salo.scheduling.grid_groups import box_groups, clamped_box_groups
from tandemsim.sim.salo.scheduling.list_groups import list_groups
from tandemsim.sim.salo.scheduling.sequence_groups import band_groups, by_chunks, causal, clamped_groups
from tandemsim.sim.salo.scheduling.special_keys import SpecialKeys, cut_before_keys
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Pattern


def query_groups(pattern: Pattern, streams: Streams, special: SpecialKeys, rows: int) -> list[BlockGroup]:
    """Return the groups of `pattern`, for an array of so many rows; their streams are added to `streams`."""
    if pattern.grid is not None and pattern.clamped:
        return clamped_box_groups(pattern, streams, rows)
    if pattern.grid is not None:
        return box_groups(pattern, streams)
    if pattern.blocks is not None:
        groups = list_groups(pattern, streams, rows)
    else:
        groups = clamped_groups(pattern, streams, rows) if pattern.clamped else band_groups(pattern, streams)
        if pattern.clamped and pattern.causal:
            groups = [causal(group) for group in groups]
        if pattern.chunks is not None:
            groups = [part for group in groups for part in by_chunks(group, pattern, streams)]
    if not pattern.causal:
        return groups
    return [
        part for group in groups for part in cut_before_keys(group, special, pattern.q_offset, rows, streams)
    ]

"""Whatever a tile streams is in a scratchpad when it streams it, came from its own rows of memory, and each
result goes to its row once: read back from the transfers, address by address.
"""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.salo.layer.layout import place_tensors
from tandemsim.sim.salo.layer.needs import granules
from tandemsim.sim.salo.layer.program import Program
from tandemsim.sim.salo.layer.transfers import PHASES, Kind, Phase
from tandemsim.sim.salo.scheduling.schedule import GLOBAL, Schedule
from tests.salo.plans import ALL, FEEDS, HEADS, SEGMENTS, own_granule, planned

Row = tuple[str, int, int]  # tensor, head, token


def streamed(schedule: Schedule, tile: int, globals_apart: tuple[int, ...]) -> list[int]:
    """Tokens of the keys that a tile takes from the key scratchpad."""
    slots = schedule.slots.keys[tile]
    keys = set(slots[slots >= schedule.outside].tolist())
    columns = schedule.column_keys[tile]
    return sorted(keys | {int(key) for key in columns[columns >= 0] if key not in globals_apart})


@SEGMENTS
@FEEDS
@ALL
def test_a_tile_needs_the_granules_of_the_keys_it_streams_and_no_others(
    name: str, feed: GlobalProjections, segments: int
) -> None:
    config, plan = planned(name, feed, segments)
    found, rows = plan.schedule, config.array.rows
    parts, _, _ = granules(found, rows)
    members = [
        frozenset(range(start, start + count * stride, stride))
        for start, stride, count in zip(parts.start, parts.stride, parts.rows, strict=True)
    ]
    for tile in range(found.tiles):
        needed = plan.needs.granule[plan.needs.offsets[tile] : plan.needs.offsets[tile + 1]]
        tokens = streamed(found, tile, plan.layer.global_tokens)
        expected = {own_granule(found, token, tile, rows) for token in tokens}
        assert {members[granule] for granule in needed} == expected
        assert sorted(set(needed.tolist())) == needed.tolist()
        assert all(parts.source[granule] == found.source[tile] for granule in needed)


@ALL
def test_granules_of_one_dilation_and_source_hold_every_token_of_the_grid_once(name: str) -> None:
    _, plan = planned(name, GlobalProjections.SEPARATE)
    parts, _, kind = granules(plan.schedule, 8)
    held: dict[tuple[int, int], list[int]] = {}
    for start, stride, rows, source in zip(*parts, strict=True):
        held.setdefault((int(stride), int(source)), []).extend(start + stride * np.arange(rows))
    assert len(held) == len(np.unique(kind))
    for tokens in held.values():
        assert sorted(tokens) == list(range(plan.schedule.outside, plan.schedule.seq_len))


def rows_moved(config: SaloConfig, plan: Program) -> list[list[Row]]:
    """What each transfer moves, from its addresses."""
    place = place_tensors(config, plan.schedule, plan.layer)
    size = {name: HEADS * plan.layer.seq_len * row for name, row in place.row_bytes.items()}
    apart = plan.schedule.separate_rows
    names = [name for name in place.base if apart or not name.startswith("global_")]
    order = sorted(names, key=place.base.__getitem__)
    for one, other in zip(order, order[1:], strict=False):
        assert place.base[one] + size[one] <= place.base[other], "tensors overlap"
    moved = []
    t = plan.transfers
    for base, rows, row_bytes, stride in zip(t.base, t.rows, t.row_bytes, t.stride, strict=True):
        parts: list[Row] = []
        for address in (base + stride * np.arange(rows)).tolist():
            name = next(name for name in reversed(order) if place.base[name] <= address)
            row, rest = divmod(address - place.base[name], place.row_bytes[name])
            assert rest == 0 and row_bytes == place.row_bytes[name]
            parts.append((name, *divmod(row, plan.layer.seq_len)))
        moved.append(parts)
    return moved


def wanted(config: SaloConfig, plan: Program, tile: int) -> dict[Phase, set[Row]]:
    """What must have arrived before a phase of a tile, partial results apart."""
    found = plan.schedule
    head, t = divmod(tile, found.tiles)
    source = "global_" if found.source[t] == GLOBAL and found.separate_rows else ""
    keys = streamed(found, t, plan.layer.global_tokens)
    columns = found.column_keys[t]
    through_columns = [int(key) for key in columns[columns >= 0] if key in plan.layer.global_tokens]
    first_slots = found.slots.keys[t]
    outside = first_slots[(first_slots >= 0) & (first_slots < found.outside)].tolist()
    queries = found.block_rows[found.block[t]]
    rows = {(f"{source}query", head, int(query)) for query in queries if query >= 0}
    prefix = "global_" if found.separate_rows else ""
    at_work = found.row_keys.valid[t].any(axis=1)
    rows |= {(f"{prefix}query", head, int(query)) for query in found.row_query[t][at_work]}
    both: list[set[Row]] = []
    for operand in ("key", "value"):
        tokens = {(source + operand, head, token) for token in (*keys, *outside)}
        tokens |= {(operand, head, token) for token in through_columns}
        if found.private_rows:
            fed = found.row_keys.keys[t][found.row_keys.valid[t]]
            tokens |= {(f"global_{operand}", head, int(token)) for token in fed}
        both.append(tokens)
    return {Phase.QK: rows | both[0], Phase.PV: both[1]}


@SEGMENTS
@FEEDS
@ALL
def test_operands_are_awaited_by_the_tile_that_uses_them_first(
    name: str, feed: GlobalProjections, segments: int
) -> None:
    config, plan = planned(name, feed, segments)
    moved, t = rows_moved(config, plan), plan.transfers
    awaited: dict[tuple[Row, Phase], int] = {}
    for index in np.flatnonzero(t.is_write == 0):
        for row in moved[index]:
            at = row, Phase(t.phase[index])
            awaited[at] = min(awaited.get(at, plan.tiles), int(t.tile[index]))
    for tile in range(plan.tiles):
        for phase, rows in wanted(config, plan, tile).items():
            late = {row for row in rows if awaited.get((row, phase), plan.tiles) > tile}
            assert not late, (tile, phase)


@FEEDS
@ALL
def test_keys_stay_in_their_slot_until_their_last_tile(name: str, feed: GlobalProjections) -> None:
    _, plan = planned(name, feed)
    loads, found = plan.residencies[0], plan.schedule
    parts, _, _ = granules(found, 8)
    ends = np.full(len(loads.granule), plan.tiles)  # tile after which the slot may be filled anew
    last: dict[int, int] = {}
    for index, slot in enumerate(loads.slot.tolist()):
        if slot in last:
            ends[last[slot]] = loads.after[index]
        last[slot] = index
    for tile in range(plan.tiles):
        head, t = divmod(tile, found.tiles)
        for granule in plan.needs.granule[plan.needs.offsets[t] : plan.needs.offsets[t + 1]]:
            mine = loads.granule == granule + head * len(parts.start)
            assert (mine & (loads.first_use <= tile) & (ends >= tile)).sum() == 1


@SEGMENTS
@FEEDS
@ALL
def test_every_result_is_written_to_its_row_once_and_after_its_last_tile(
    name: str, feed: GlobalProjections, segments: int
) -> None:
    config, plan = planned(name, feed, segments)
    moved, t, found = rows_moved(config, plan), plan.transfers, plan.schedule
    done = {}
    for tile in np.flatnonzero(found.last & ~found.spill[found.block]):
        queries = found.block_rows[found.block[tile]]
        done |= {int(query): int(tile) for query in queries if query >= 0}
    for tile, row in np.argwhere(found.row_last):
        done[int(found.row_query[tile, row])] = int(tile)
    outputs = []
    for index in np.flatnonzero((t.is_write == 1) & (t.kind == Kind.OUTPUT)):
        tile, phase = divmod(int(t.trigger[index]), PHASES)
        for tensor, head, token in moved[index]:
            assert tensor == "output" and phase == Phase.OUTPUT
            assert tile == head * found.tiles + done[token]
            outputs.append((head, token))
    assert sorted(outputs) == [(head, token) for head in range(HEADS) for token in range(found.seq_len)]


@pytest.mark.parametrize("name", ["two dilations", "strided sparse"])
def test_partial_results_are_written_before_they_are_read(name: str) -> None:
    config, plan = planned(name, GlobalProjections.PRIVATE)
    moved, t, found = rows_moved(config, plan), plan.transfers, plan.schedule
    written: dict[Row, int] = {}
    read: dict[Row, int] = {}
    for index in np.flatnonzero(t.kind == Kind.PARTIAL):
        for row in moved[index]:
            assert row[0] == "partial"
            (written if t.is_write[index] else read)[row] = index
    assert written.keys() == read.keys()
    queries = found.block_rows[np.flatnonzero(found.spill)]
    assert {token for _, _, token in read} == set(queries[queries >= 0].tolist()) != set()
    for row, index in read.items():
        # The read is enabled when the tile is done whose results it reads, or a later one.
        assert t.trigger[index] >= t.trigger[written[row]] and t.phase[index] == Phase.PV
        first = np.flatnonzero(found.first & found.restore[found.block])
        mine = [tile for tile in first if row[2] in found.block_rows[found.block[tile]]]
        assert [row[1] * found.tiles + tile for tile in mine] == [t.tile[index]]

"""Whatever a tile streams is in a scratchpad when it streams it, came from its own rows of memory, and each
result goes to its row once: read back from the transfers, address by address.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.arch.dram_standards import DRAMS
from sim.arch.memory import Buffering
from sim.arch.presets import SALO
from sim.arch.salo import GlobalProjections, SaloArray, SaloConfig
from sim.arch.salo_numerics import Normalisation
from sim.memory.scratchpad import Residency
from sim.salo.banks import cycles_per_step
from sim.salo.machine import simulate_layer
from sim.salo.needs import granules
from sim.salo.program import Layer, Program, program, tensors
from sim.salo.schedule import GLOBAL, Schedule, schedule
from sim.salo.transfers import PHASES, Kind, Phase
from traces.pattern import Band, Pattern

HEADS, HEAD_DIM = 2, 16
PATTERNS = {
    "longformer": Pattern.longformer(60, 16),
    "globals": Pattern.longformer(50, 10, (30, 7, 8)),
    "dilated": Pattern.dilated(70, 7, 3),
    "two dilations": Pattern(seq_len=64, bands=(Band(-3, 3, 1), Band(-32, 32, 4)), global_tokens=(20,)),
    "vil": Pattern.vil(8, 7, 5, outside=2),
    "star": Pattern.star(40),
    "strided sparse": Pattern.strided_sparse(48, 6, 6),
    "dense": Pattern.dense(30),
    "one side": Pattern(seq_len=40, bands=(Band(20, 39, 1),)),
}
ALL = pytest.mark.parametrize("name", PATTERNS)
FEEDS = pytest.mark.parametrize("feed", list(GlobalProjections))
SEGMENTS = pytest.mark.parametrize("segments", [1, 2])
Row = tuple[str, int, int]  # tensor, head, token


def config_of(feed: GlobalProjections, segments: int) -> SaloConfig:
    array = SaloArray(
        rows=8,
        cols=8,
        head_dim=HEAD_DIM,
        column_segments=segments,
        normalisation=Normalisation.DEFERRED,
        global_projections=feed,
    )
    return replace(SALO, array=array)


def planned(name: str, feed: GlobalProjections, segments: int = 2) -> tuple[SaloConfig, Program]:
    pattern, config = PATTERNS[name], config_of(feed, segments)
    apart = feed is not GlobalProjections.SHARED
    found = schedule(pattern, config.array, config.scheduling, global_projections=apart)
    layer = Layer(HEADS, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    return config, program(config, found, layer)


def own_granule(schedule: Schedule, token: int, tile: int, rows: int) -> frozenset[int]:
    """The keys that move with a token: up to `rows` neighbours of its residue class."""
    dilation = int(schedule.dilation[schedule.block[tile]])
    inside = token - schedule.outside
    place = inside // dilation // rows * rows
    first = schedule.outside + inside % dilation + place * dilation
    return frozenset(range(first, min(first + rows * dilation, schedule.seq_len), dilation))


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
    place = tensors(config, plan.schedule, plan.layer)
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


def times_in_banks(
    found: Schedule, tile: int, slot_of: dict[int, int], config: Any, tokens: tuple[int, ...]
) -> int:
    """Brute force: cycles in which the banks serve each distinct stream of a tile."""
    dilation, rows = int(found.dilation[found.block[tile]]), config.array.rows
    width, segments = config.array.segment_cols, config.array.column_segments
    ports: set[tuple[int, int]] = set()  # (place in the stream, token)
    for segment in range(segments):
        chained = 0 if found.split[tile] else (segments - 1 - segment) * width
        stream = segment if found.split[tile] else 0
        for slot, token in enumerate(found.slots.keys[tile, segment].tolist()):
            if token >= found.outside:
                ports.add((1000 * stream + slot + chained, token))
    for column, token in enumerate(found.column_keys[tile].tolist()):
        if token >= 0 and token not in tokens:
            ports.add((-1 - column, token))
    words: dict[int, int] = {}
    for _, token in ports:
        granule = min(own_granule(found, token, tile, rows))
        place = (token - found.outside) // dilation % rows
        bank = (slot_of[granule] * rows + place) % config.key_scratchpad.banks
        words[bank] = words.get(bank, 0) + 1
    return max([1, *(-(-count // config.key_scratchpad.ports) for count in words.values())])


@SEGMENTS
@pytest.mark.parametrize("banks", [4, 16])
@pytest.mark.parametrize("ports", [1, 2])
@ALL
def test_a_tile_waits_for_the_bank_that_holds_most_of_its_keys(
    name: str, ports: int, banks: int, segments: int
) -> None:
    """Each granule of one head in a slot of its own choice."""
    pattern, config = PATTERNS[name], config_of(GlobalProjections.SHARED, segments)
    config = replace(config, key_scratchpad=replace(config.key_scratchpad, banks=banks, ports=ports))
    found = schedule(pattern, config.array)
    parts, numberings, kind = granules(found, config.array.rows)
    count = len(parts.start)
    slot = np.random.default_rng(banks).permutation(count)
    residency = Residency(np.arange(count), slot, np.zeros(count, np.int64), np.full(count, -1))
    is_global = np.isin(np.arange(pattern.seq_len), pattern.global_tokens)
    steps = cycles_per_step(found, 1, residency, count, numberings, kind, is_global, config.key_scratchpad)
    for tile in range(found.tiles):
        dilation = found.dilation[found.block[tile]]
        slot_of = {
            int(start): int(slot[granule])
            for granule, start in enumerate(parts.start)
            if parts.stride[granule] == dilation
        }
        assert steps[tile] == times_in_banks(found, tile, slot_of, config, pattern.global_tokens)


def test_bank_conflicts_stretch_both_phases_of_a_tile() -> None:
    """Fifteen keys from four banks with one port each: up to four cycles for one of QK or PV."""
    config = config_of(GlobalProjections.SHARED, 1)
    fast = replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)
    keys = replace(config.key_scratchpad, banks=4, ports=1)
    config = replace(config, key_scratchpad=keys, value_scratchpad=keys, dram=fast)
    pattern = PATTERNS["longformer"]
    layer = Layer(1, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    found = simulate_layer(config, pattern, layer)
    parts, _, _ = granules(found.program.schedule, 8)
    slot_of: dict[int, int] = {}
    expected, load, loads = [], 0, found.program.residencies[0]
    for tile in range(found.program.tiles):
        while load < len(loads.granule) and loads.first_use[load] <= tile:
            slot_of[int(parts.start[loads.granule[load]])] = int(loads.slot[load])
            load += 1
        expected.append(times_in_banks(found.program.schedule, tile, slot_of, config, pattern.global_tokens))
    spent = found.record.tile_end - found.record.tile_start - config.array.timing.between
    at_rest = found.stalls["cold_fill"] + found.stalls["dram"] + found.stalls["output"]
    assert (spent >= 2 * HEAD_DIM * np.array(expected)).all()
    assert abs(spent.sum() - 2 * HEAD_DIM * sum(expected)) <= at_rest
    assert found.stalls["scratchpad"] == 2 * HEAD_DIM * (sum(expected) - len(expected)) > 0


@pytest.mark.parametrize("scratchpad", ["key_scratchpad", "value_scratchpad"])
def test_each_scratchpad_stretches_the_phase_that_it_feeds(scratchpad: str) -> None:
    config = config_of(GlobalProjections.SHARED, 1)
    narrow = replace(config.key_scratchpad, banks=4, ports=1)
    pattern = PATTERNS["longformer"]
    layer = Layer(1, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    both = simulate_layer(replace(config, key_scratchpad=narrow, value_scratchpad=narrow), pattern, layer)
    one = simulate_layer(replace(config, **{scratchpad: narrow}), pattern, layer)
    assert one.stalls["scratchpad"] == both.stalls["scratchpad"] // 2 > 0


@pytest.mark.parametrize("scratchpad", ["key_scratchpad", "value_scratchpad"])
def test_a_double_buffered_scratchpad_is_filled_for_each_tile(scratchpad: str) -> None:
    """It keeps nothing, so every tile loads all that it needs: more traffic, the same outputs."""
    config = config_of(GlobalProjections.SHARED, 1)
    double = replace(config, **{scratchpad: replace(config.key_scratchpad, buffering=Buffering.DOUBLE)})
    pattern = PATTERNS["longformer"]
    layer = Layer(1, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    found, circular = simulate_layer(double, pattern, layer), simulate_layer(config, pattern, layer)
    name = scratchpad.removesuffix("_scratchpad")
    needs = found.program.needs
    assert len(found.program.residencies[name == "value"].granule) == needs.offsets[-1]
    assert found.scratchpads[name].write_bytes > circular.scratchpads[name].write_bytes
    assert found.macs == circular.macs

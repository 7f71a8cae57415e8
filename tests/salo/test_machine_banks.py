"""Scratchpads whose banks hold too many keys of a tile stretch its phases; double buffers keep nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import GlobalProjections
from tandemsim.sim.arch.sram import Buffering
from tandemsim.sim.memory.scratchpad import Residency
from tandemsim.sim.salo.layer.banks import cycles_per_step
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.needs import granules
from tandemsim.sim.salo.layer.order import tile_order
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.scheduling.schedule import Schedule, schedule
from tests.salo.plans import ALL, HEAD_DIM, PATTERNS, SEGMENTS, config_of, own_granule


def times_in_banks(
    found: Schedule, tile: int, slot_of: dict[int, int], groups: int, config: Any, tokens: tuple[int, ...]
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
        bank = (slot_of[granule] % groups * rows + place) % config.key_scratchpad.banks
        words[bank] = words.get(bank, 0) + 1
    return max([1, *(-(-count // config.key_scratchpad.ports) for count in words.values())])


@SEGMENTS
@pytest.mark.parametrize("banks", [4, 12, 16, 28])
@pytest.mark.parametrize("ports", [1, 2])
@ALL
def test_a_tile_waits_for_the_bank_that_holds_most_of_its_keys(
    name: str, ports: int, banks: int, segments: int
) -> None:
    """Each granule of one head in a slot of its own choice."""
    pattern, config = PATTERNS[name], config_of(GlobalProjections.SHARED, segments)
    pad = replace(config.key_scratchpad, capacity_bytes=1024 * banks, banks=banks, ports=ports)
    config = replace(config, key_scratchpad=pad)
    found = schedule(pattern, config.array)
    partition = granules(found, config.array.rows)
    parts, count = partition.granules, len(partition.granules.start)
    slot = np.random.default_rng(banks).permutation(count)
    groups = banks // config.array.rows or 1
    residency = Residency(np.arange(count), slot, np.zeros(count, np.int64), np.full(count, -1), groups)
    steps = cycles_per_step(found, tile_order(found, 1, 1), residency, partition, config.key_scratchpad)
    for tile in range(found.tiles):
        dilation = found.dilation[found.block[tile]]
        slot_of = {
            int(start): int(slot[granule])
            for granule, start in enumerate(parts.start)
            if parts.stride[granule] == dilation
        }
        assert steps[tile] == times_in_banks(found, tile, slot_of, groups, config, pattern.global_tokens)


@pytest.mark.slow
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
        expected.append(
            times_in_banks(found.program.schedule, tile, slot_of, 1, config, pattern.global_tokens)
        )
    spent = found.times.tile_end - found.times.tile_start - config.array.timing.between
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

"""Heads that share keys and values: in which order their tiles run, and what is loaded for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.order import tile_order
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Chunks, Pattern
from tests.salo.plans import LANGUAGE, PATTERNS

EVERY = PATTERNS | LANGUAGE


def config_of(rows: int = 8, keys: int = 512, bandwidth: int | None = None) -> SaloConfig:
    array = SaloArray(
        rows=rows,
        cols=8,
        head_dim=16,
        normalisation=Normalisation.DEFERRED,
        global_rows=0,
        value_dims=True,
    )
    pad = replace(SALO.key_scratchpad, capacity_bytes=keys * 16)
    config = replace(SALO, array=array, key_scratchpad=pad, value_scratchpad=pad)
    if bandwidth is None:
        return config
    return replace(config, dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=bandwidth))


def run(config: SaloConfig, pattern: Pattern, heads: int, kv_heads: int, v_dim: int = 0) -> LayerResult:
    layer = Layer(
        heads,
        16,
        pattern.seq_len,
        pattern.global_tokens,
        kv_heads=kv_heads,
        v_dim=v_dim,
        q_len=pattern.q_len,
    )
    return simulate_layer(config, pattern, layer)


@given(st.sampled_from(sorted(EVERY)), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_every_tile_of_every_head_runs_once_and_those_of_a_head_in_order(
    name: str, groups: int, group: int
) -> None:
    found = schedule(EVERY[name], config_of().array)
    order = tile_order(found, groups * group, group)
    assert sorted(order.step.ravel().tolist()) == list(range(order.step.size))
    assert (np.diff(order.step, axis=1) > 0).all()
    assert (order.step[order.head, order.tile] == np.arange(order.step.size)).all()


@given(st.sampled_from(sorted(EVERY)), st.integers(1, 2), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_a_block_of_every_head_runs_before_the_next_block(name: str, groups: int, group: int) -> None:
    found = schedule(EVERY[name], config_of().array)
    order = tile_order(found, groups * group, group)
    assert (np.diff(order.turn) >= 0).all()
    runs = found.block[order.tile].astype(np.int64) + order.turn * len(found.block_rows)
    changes = np.flatnonzero(np.diff(runs)) + 1
    assert len(changes) + 1 == len(np.unique(runs))  # no block is come back to


def test_heads_follow_one_another_where_a_global_row_works() -> None:
    found = schedule(Pattern.longformer(60, 16), SaloArray(rows=8, cols=8))
    assert tile_order(found, 4, 2).side_by_side == 1


@pytest.mark.parametrize("name", LANGUAGE)
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 1), (6, 2), (4, 4)])
def test_each_key_and_value_is_loaded_once_for_its_group(name: str, heads: int, kv_heads: int) -> None:
    """With room for the window of a block: each token that some query sees, once for each K/V head."""
    pattern = LANGUAGE[name]
    found = run(config_of(), pattern, heads, kv_heads)
    seen = np.flatnonzero(pattern.mask(np.arange(pattern.q_len)).any(axis=0))
    for tensor in ("key", "value"):
        traffic = found.tensors[tensor]
        assert traffic["size_bytes"] == kv_heads * pattern.seq_len * 16
        extra = kv_heads * len(pattern.sink_tokens) * 16  # in the global scratchpad, too
        rows = -(-(seen[-1] + 1) // 8) * 8 - seen[0] // 8 * 8  # whole granules
        most = kv_heads * 16 * min(rows, pattern.seq_len)
        sweeps = len({band.dilation for band in pattern.bands})  # each goes over all queries
        assert kv_heads * len(seen) * 16 <= traffic["read_bytes"] <= sweeps * most + extra
    sweeps = len({band.dilation for band in pattern.bands})
    assert found.tensors["query"]["read_bytes"] == sweeps * heads * pattern.q_len * 16
    assert found.tensors["output"]["write_bytes"] == heads * pattern.q_len * 32


@given(
    st.sampled_from(sorted(EVERY)),
    st.integers(1, 2),
    st.sampled_from([2, 3, 4]),
    st.sampled_from([64, 96, 128, 256]),
    st.sampled_from([10**9, 8 * 10**9, 10**12]),
)
@settings(max_examples=80, deadline=None)
def test_sharing_keys_and_values_loads_no_more_and_takes_no_longer(
    name: str, groups: int, group: int, keys: int, bandwidth: int
) -> None:
    """But for a few cycles where the first block of each head comes before the second of the first head."""
    config, heads = config_of(keys=keys, bandwidth=bandwidth), groups * group
    shared, own = (run(config, EVERY[name], heads, kv_heads) for kv_heads in (groups, heads))
    assert shared.cycles <= 1.01 * own.cycles
    assert shared.work == own.work._replace(cycles=shared.cycles)
    for tensor in ("key", "value"):
        assert shared.tensors[tensor]["read_bytes"] <= own.tensors[tensor]["read_bytes"]


@pytest.mark.parametrize("v_dim", [1, 8, 16])
def test_values_of_another_size_take_cycles_bytes_and_products_of_their_own(v_dim: int) -> None:
    pattern = Pattern.causal_window(64, 16)
    config = config_of(bandwidth=10**12)
    found = run(config, pattern, 2, 1, v_dim=v_dim)
    tiles = found.program.tiles
    assert found.compute_cycles == config.array.total_cycles(tiles, 16, v_dim) + config.array.merge_latency
    assert config.array.pass_cycles(16, v_dim) == 16 + 1 + 1 + v_dim
    assert found.macs == 2 * (16 + v_dim) * pattern.pairs()
    assert found.tensors["value"]["read_bytes"] == 64 * v_dim
    assert found.tensors["output"]["write_bytes"] == 2 * 64 * v_dim * 2
    assert sum(found.multiplier_cycles.values()) == found.cycles * config.array.pes
    assert found.multiplier_cycles["useful"] == found.macs


def test_chunks_of_a_text_share_nothing() -> None:
    """Llama 4: a query block never reaches beyond its own chunk."""
    pattern = Pattern.chunked(64, 16)
    assert pattern.chunks == Chunks(16)
    found = schedule(pattern, SaloArray(rows=8, cols=8))
    for tile in range(found.tiles):
        keys, queries = found.slots.keys[tile], found.block_rows[found.block[tile]]
        assert {key // 16 for key in keys[keys >= 0].tolist()} == {int(queries[0]) // 16}

"""The tiles of the machine's tasks: each sum once, in accumulators that exist, in the cycles it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.ant.planned import Extent
from tandemsim.sim.ant.tile_words import task_tiles
from tandemsim.sim.ant.values.formats import coded
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, OutlierPath, Schedule
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.traces.schema import Trace
from tests.ant import draws, machine_layers
from tests.ant.one_op import op_trace

FORMATS = ("int4", "int4u", "flint4", "pot4", "int8", "int8u")


def machine(rng: draws.Random, **array: Any) -> AntConfig:
    """Return a small machine with room for few weights and few sums."""
    rows, cols = (2 * int(side) for side in rng.integers(1, 6, 2))
    made = draws.config(accumulators=int(rng.integers(6, 60)), rows=rows, cols=cols, formats=FORMATS, **array)
    return replace(made, weight_scratchpad=BufferConfig(capacity_bytes=int(rng.integers(64, 800))))


def product(rng: draws.Random) -> Trace:
    """Return products with one weight, or with one each."""
    m, n, k = (int(each) for each in rng.integers(1, 40, 3))
    batch = int(rng.integers(1, 3))
    weight = ((1, batch)[int(rng.integers(2))], k, n)
    tensors = [((batch, m, k), "input"), (weight, "weight")]
    return op_trace("gemm", {"batch": batch, "m": m, "n": n, "k": k}, tensors, (batch, m, n))


def attention(rng: draws.Random) -> Trace:
    """Return attention, also causal, also with keys that heads share."""
    group, shared, queries, keys, size, wide = (int(each) for each in rng.integers(1, [3, 3, 30, 30, 20, 20]))
    causal = bool(rng.integers(2))
    keys = queries if causal else keys
    heads = group * shared
    dims = {
        "heads": heads,
        "kv_heads": shared,
        "q_len": queries,
        "kv_len": keys,
        "head_dim": size,
        "v_dim": wide,
    }
    shapes = (1, heads, queries, size), (1, shared, keys, size), (1, shared, keys, wide)
    attrs = {"causal": True} if causal else {}
    return op_trace("attention", dims, [(each, "input") for each in shapes], (1, heads, queries, wide), attrs)


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("flow", Dataflow)
def test_tiles_make_every_sum_once_in_the_cycles_that_the_machine_counts(
    flow: Dataflow, schedule: Schedule
) -> None:
    """Whatever fits: the accumulators hold what the mapper lets stay there, or the array refuses a tile."""
    rng, ran, cut = np.random.default_rng(list(map(ord, flow + schedule))), 0, 0
    refused: list[str] = []
    for _ in range(12):
        trace = (product, attention)[int(rng.integers(2))](rng)
        # 14 bits hold a product of each pair of formats: output stationary, K is cut where the PEs need it
        width = 24 if flow is not Dataflow.OUTPUT_STATIONARY else int(rng.choice([14, 16, 24]))
        config = machine(rng, dataflow=flow, schedule=schedule, accumulator_width=width)
        try:
            found = machine_layers.layers_of(trace, trace.ops, config, str(rng.choice([4, 8])))
        except ConfigError as error:
            refused.append(str(error))
            continue
        run = AntGemm(found.config).run(found.tiles)
        machine_layers.assert_sums(found, run)
        ends = np.cumsum(found.gaps() + found.planned.cycles)
        np.testing.assert_array_equal(found.ran(run).end, ends)
        ran, cut = ran + 1, cut + any(not extent.is_whole for extent in found.run.program.extents)
    assert ran >= 10 and cut >= 2
    assert all("scratchpad.capacity_bytes must" in said for said in refused)


def test_more_words_than_a_tile_has_are_tiles_of_equal_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandemsim.sim.ant.tile_words.MAX_WORDS", 8)
    rng = np.random.default_rng(0)
    for flow, shape, lengths in (
        (Dataflow.WEIGHT_STATIONARY, (20, 3, 5), [6, 7, 7]),
        (Dataflow.INPUT_STATIONARY, (3, 20, 5), [6, 7, 7]),
        (Dataflow.OUTPUT_STATIONARY, (3, 5, 20), [6, 7, 7]),
    ):
        config = draws.config(rows=6, cols=8, formats=FORMATS, dataflow=flow, accumulator_width=24)
        m, n, k = shape
        left, right = (coded(config.array, rng.standard_normal(each), 4) for each in ((m, k), (k, n)))
        placed = task_tiles(config, Extent(0, 0, m, 0, n, 0, k, ends=True), left, right)
        assert [each.tile.command.words for each in placed] == lengths
        run = AntGemm(config).run([each.tile for each in placed])
        found, first = np.zeros((m, n), np.int64), 0
        for each in placed:
            if each.tile.command.leaves:
                count = len(run.sums) if flow is Dataflow.OUTPUT_STATIONARY else each.tile.command.words
                words = run.sums[first : first + count]
                found[each.rows.within, each.columns.within] = machine_layers.sums_of(config, each, words)
                first += count
        values = [each.form.base[each.codes] << each.form.shift[each.codes] for each in (left, right)]
        np.testing.assert_array_equal(found, values[0] @ values[1])


def test_what_the_circuit_does_not_have_is_refused() -> None:
    rng = np.random.default_rng(0)
    config = draws.config(rows=6, cols=8, formats=FORMATS, accumulator_width=15)
    left = coded(config.array, rng.standard_normal((4, 6)), 4)
    extent = Extent(0, 0, 4, 0, 4, 0, 6, ends=True)
    narrow = replace(config, array=replace(config.array, accumulator_width=11))
    names = f"{left.form.name} and {left.form.name}"
    held = f"^AntArray.accumulator_width must hold 6 products of {names}, not 11$"
    with pytest.raises(ConfigError, match=held):
        task_tiles(narrow, extent, left, left._replace(codes=left.codes.T))
    apart = replace(config, outliers=OutlierPath(share=0.03))
    with pytest.raises(ConfigError, match=r"^outliers.share must be 0 for a circuit, not 0.03$"):
        task_tiles(apart, extent, left, left._replace(codes=left.codes.T))

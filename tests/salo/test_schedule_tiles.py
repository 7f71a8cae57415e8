"""Tiles of the two published workloads, against counts derived by hand (docs/salo.md, "The schedule")."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloScheduling
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Pattern
from tests.salo.plans import ALL, FEEDS, PATTERNS, planned

LONGFORMER = Pattern.longformer(4096, 512, (0,))
PLAIN = SaloScheduling(skip_masked=False, leftover_keys=False)


def vil(side: int) -> Pattern:
    return Pattern.vil(side, side, 15, 1)


@pytest.mark.parametrize(
    ("scheduling", "tiles"),
    [
        (PLAIN, 128 * 17),
        # A pass at offset o of block b has no key where 32 b + o <= -32: seven of the first block, six of the
        # second...
        (SaloScheduling(leftover_keys=False), 128 * 17 - 64),
        (SaloScheduling(skip_masked=False), 128 * 16),
        (SaloScheduling(), 128 * 16 - 2 * sum(range(8))),
    ],
)
def test_longformer_takes_the_passes_that_arithmetic_says(scheduling: SaloScheduling, tiles: int) -> None:
    assert schedule(LONGFORMER, SaloArray(), scheduling).tiles == tiles


@pytest.mark.parametrize("leftover", [False, True])
def test_separate_projections_add_one_pass_for_each_32_keys(leftover: bool) -> None:
    scheduling = SaloScheduling(leftover_keys=leftover)
    array = SaloArray(global_projections=GlobalProjections.SEPARATE)
    shared = schedule(LONGFORMER, array, scheduling).tiles
    assert schedule(LONGFORMER, array, scheduling, global_projections=True).tiles == shared + 4096 // 32


def test_private_ports_take_no_pass_more() -> None:
    array = SaloArray(global_projections=GlobalProjections.PRIVATE)
    assert schedule(LONGFORMER, array, global_projections=True).tiles == schedule(LONGFORMER, array).tiles


@pytest.mark.parametrize("side", [56, 28])
@pytest.mark.parametrize("segments", [1, 2])
def test_vil_takes_one_segment_a_band(side: int, segments: int) -> None:
    array = SaloArray(column_segments=segments)
    blocks = math.ceil(side * side / 32)
    every_band = schedule(vil(side), array, SaloScheduling(skip_masked=False)).tiles
    assert every_band == blocks * math.ceil(15 / segments)
    bands = [
        sum(1 for dy in range(-7, 8) if 0 <= first + dy < side or 0 <= last + dy < side)
        for first, last in (
            (32 * b // side, min(32 * b + 31, side * side - 1) // side) for b in range(blocks)
        )
    ]
    assert schedule(vil(side), array).tiles == sum(math.ceil(count / segments) for count in bands)


@pytest.mark.parametrize(("side", "one", "two"), [(56, 1378, 732), (28, 329, 174)])
def test_vil_tile_counts(side: int, one: int, two: int) -> None:
    assert schedule(vil(side), SaloArray()).tiles == one
    assert schedule(vil(side), SaloArray(column_segments=2)).tiles == two


def test_segments_do_not_change_a_one_dimensional_schedule() -> None:
    whole = schedule(LONGFORMER, SaloArray())
    chained = schedule(LONGFORMER, SaloArray(column_segments=2))
    assert (whole.local_pairs == chained.local_pairs).all() and not chained.split.any()


def test_a_pass_of_longformer_streams_from_64_neighboring_keys() -> None:
    # So 64 banks serve the 63 keys, and the one that goes through the global column, without a conflict.
    found = schedule(LONGFORMER, SaloArray())
    for tile in range(found.tiles):
        keys = found.slots.keys[tile]
        keys = keys[keys >= 0]
        assert keys.max() - keys.min() < 64


@ALL
@FEEDS
def test_a_schedule_knows_its_global_tokens_and_counts_the_queries_of_each_tile(
    name: str, feed: GlobalProjections
) -> None:
    plan = planned(name, feed)[1].schedule
    assert np.flatnonzero(plan.is_global).tolist() == sorted(PATTERNS[name].global_tokens)
    assert len(plan.is_global) == PATTERNS[name].seq_len
    counted = [sum(1 for token in plan.block_rows[block] if token >= 0) for block in plan.block]
    assert plan.queries.tolist() == counted

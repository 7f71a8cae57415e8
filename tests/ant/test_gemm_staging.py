"""The staging buffer behind the array: how much of it full rate needs, and that more never costs a cycle."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.ant.streams import StreamEnds, stream_cycles
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.ant.laws import Tile
from tests.ant import draws
from tests.ant.test_gemm_cycles import ALL, random_ends, random_tiles, table

SHAPES = [(1, 1), (2, 6), (8, 8), (16, 4), (64, 64)]


def last_word(config: AntConfig, tiles: list[Tile], ends: StreamEnds | None = None) -> int:
    cycles = stream_cycles(table(config, tiles), config.timing, ends or StreamEnds())
    return int(cycles.activations[-1])


def side(
    flow: Dataflow, shape: tuple[int, int], words: int = 0, schedule: Schedule = Schedule.PIPELINED
) -> AntConfig:
    made = {"rows": shape[0], "cols": shape[1], "pe_bits": 8, "formats": ("int8",)}
    return draws.config(words=words, dataflow=flow, schedule=schedule, **made)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("flow", Dataflow)
def test_full_rate_needs_exactly_the_stated_room(flow: Dataflow, shape: tuple[int, int]) -> None:
    needed = side(flow, shape).full_rate_words
    tiles = [Tile(shape[0], shape[0])] * 12
    unhindered = last_word(side(flow, shape), tiles)
    assert last_word(side(flow, shape, needed), tiles) == unhindered
    assert last_word(side(flow, shape, needed - 1), tiles) > unhindered


def test_the_room_of_the_reference_arrays() -> None:
    assert side(Dataflow.WEIGHT_STATIONARY, (64, 64)).full_rate_words == 132
    assert side(Dataflow.OUTPUT_STATIONARY, (64, 64)).full_rate_words == 195


@pytest.mark.parametrize("size", [2, 8, 64])
def test_a_buffer_of_one_tile_is_enough_if_tiles_are_long(size: int) -> None:
    flow, shape = Dataflow.OUTPUT_STATIONARY, (size, size)
    long, short = [Tile(5 * size, size)] * 6, [Tile(2 * size, size)] * 6
    assert last_word(side(flow, shape, size), long) == last_word(side(flow, shape), long)
    assert last_word(side(flow, shape, size), short) > last_word(side(flow, shape), short)


@pytest.mark.parametrize(("flow", "schedule"), ALL)
def test_more_room_is_never_slower_and_less_is_legal(flow: Dataflow, schedule: Schedule) -> None:
    rng = np.random.default_rng(list(map(ord, flow + schedule)))
    for _ in range(60):
        shape = tuple(int(each) for each in rng.integers(1, 9, 2))
        least = shape[0] if flow is Dataflow.OUTPUT_STATIONARY else 1
        tiles = random_tiles(rng, shape[0], most=15)
        made = table(side(flow, (shape[0], shape[1])), tiles)
        ends = random_ends(rng, made, flow is not Dataflow.OUTPUT_STATIONARY)
        sizes = range(least, least + 40, 3)
        found = [
            stream_cycles(made, side(flow, (shape[0], shape[1]), n, schedule).timing, ends) for n in sizes
        ]
        for less, more in zip(found, found[1:], strict=False):
            for before, after in zip(less, more, strict=True):
                assert (after <= before).all()

"""Cycles of the matrix engine's streams: the laws of `compute_cycles`, and what holds of every word."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tandemsim.sim.ant.streams import StreamEnd, StreamEnds, TileTable, stream_cycles
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.ant.laws import Tile, compute_cycles
from tandemsim.sim.arch.types import Integers
from tests.ant import draws

ALL = [(flow, schedule) for flow in Dataflow for schedule in Schedule]


def table(
    config: AntConfig, tiles: list[Tile], leaves: Integers | None = None, spacing: int = 1
) -> TileTable:
    """Return tiles whose sums leave, or those that `leaves` says; `spacing` 2: rows of two nibbles."""
    streams, rows = (np.array(column, np.int64) for column in zip(*tiles, strict=True))
    outputs = streams if config.array.stationary else rows // spacing
    return TileTable(streams, rows, outputs * (1 if leaves is None else leaves), np.full(len(tiles), spacing))


def random_tiles(rng: np.random.Generator, rows: int, most: int = 40, even: bool = False) -> list[Tile]:
    unit = 2 if even else 1
    heights = unit * rng.integers(1, rows // unit + 1, rng.integers(1, 9))
    return [Tile(int(rng.integers(1, most)), int(height)) for height in heights]


def random_ends(rng: np.random.Generator, tiles: TileTable, stationary: bool) -> StreamEnds:
    weights = tiles.rows if stationary else tiles.activations
    lengths = len(tiles.rows), tiles.activations.sum(), weights.sum(), tiles.outputs.sum()
    chances = rng.choice([0, 0.05, 0.5], 4)
    gaps = [
        rng.integers(0, 9, n) * (rng.random(n) < chance) for n, chance in zip(lengths, chances, strict=True)
    ]
    return StreamEnds(*(StreamEnd(gaps=gap) for gap in gaps))


@pytest.mark.parametrize(("flow", "schedule"), ALL)
def test_the_laws_are_what_the_streams_do(flow: Dataflow, schedule: Schedule) -> None:
    rng = np.random.default_rng(list(map(ord, flow + schedule)))
    for _ in range(1500):
        rows, cols = (2 * int(side) for side in rng.integers(1, 13, 2))
        config = draws.config(rows=rows, cols=cols, dataflow=flow, schedule=schedule)
        tiles = random_tiles(rng, rows)
        cycles = stream_cycles(table(config, tiles), config.timing)
        last_product = int(cycles.activations[-1]) + rows + cols - 2
        assert last_product + 1 == compute_cycles(config.array, tiles)
        written = last_product + (3 if config.array.stationary else tiles[-1].rows + 2)
        assert cycles.output[-1] == written + 2


@pytest.mark.parametrize("schedule", Schedule)
def test_of_two_nibbles_the_last_word_leaves_when_the_last_row_does(schedule: Schedule) -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        rows = 2 * int(rng.integers(1, 9))
        config = draws.config(rows=rows, cols=4, dataflow=Dataflow.OUTPUT_STATIONARY, schedule=schedule)
        tiles = random_tiles(rng, rows, even=True)
        pairs, whole = (stream_cycles(table(config, tiles, None, each), config.timing) for each in (2, 1))
        assert pairs.activations.tolist() == whole.activations.tolist()
        assert pairs.output.tolist() == whole.output[1::2].tolist()


@pytest.mark.parametrize(("flow", "schedule"), ALL)
def test_what_holds_of_every_word_with_pauses_anywhere(flow: Dataflow, schedule: Schedule) -> None:
    """The rules word by word, in other words than the kernel's."""
    rng = np.random.default_rng(list(map(ord, flow + schedule)))
    for _ in range(300):
        rows, cols = (2 * int(side) for side in rng.integers(1, 7, 2))
        room = int(rng.integers(1, 40)) + (0 if flow is not Dataflow.OUTPUT_STATIONARY else rows)
        config = draws.config(words=room, rows=rows, cols=cols, dataflow=flow, schedule=schedule)
        tiles = random_tiles(rng, rows, most=20)
        leaves = rng.integers(0, 2, len(tiles))
        made = table(config, tiles, leaves)
        ends = random_ends(rng, made, config.array.stationary)
        cycles = stream_cycles(made, config.timing, ends)
        for stream, end in zip(cycles, ends, strict=True):  # pauses are kept to
            before = np.concatenate([[-1], stream[:-1]])
            assert (stream > before + end.gaps[: len(stream)]).all()
        words = np.split(cycles.activations, np.cumsum(made.activations)[:-1])
        loads = np.split(cycles.weights, np.cumsum([len(each) for each in _loads(config, tiles)])[:-1])
        assert cycles.command.tolist() == [load[-1] for load in loads]
        idle = rows + cols - 2
        for load, entered, tile in zip(pairwise(loads), pairwise(words), tiles[:-1], strict=True):
            _check_pair(config, load, entered, tile, idle)
        _check_room(config, made, cycles.activations, cycles.output, words)


def _loads(config: AntConfig, tiles: list[Tile]) -> list[range]:
    return [range(tile.rows if config.array.stationary else tile.stream) for tile in tiles]


def _check_pair(
    config: AntConfig,
    loads: tuple[Integers, Integers],
    words: tuple[Integers, Integers],
    tile: Tile,
    idle: int,
) -> None:
    drains = config.array.schedule is Schedule.DRAIN
    if not config.array.stationary:
        assert words[0].tolist() == loads[0].tolist()
        assert words[1][-1] >= words[0][-1] + tile.rows  # no two results meet
        assert not drains or words[1][0] > words[0][-1] + idle
        return
    assert loads[1][0] >= words[0][0]  # no loaded tile waits
    assert words[0][0] > loads[0][-1] and words[1][0] > loads[1][-1]
    if drains:
        assert loads[1][0] > words[0][-1] + idle
        assert words[1][0] >= loads[1][0] + config.array.rows


def _check_room(
    config: AntConfig, made: TileTable, activations: Integers, output: Integers, words: list[Integers]
) -> None:
    """No more words are on their way or waiting than the buffer holds, and none is early."""
    array, reserved, earliest = config.array, [], []
    for outputs, entered in zip(made.outputs.tolist(), words, strict=True):
        if array.stationary and outputs:
            reserved += entered.tolist()
            earliest += (entered + array.output_lag + 2).tolist()
        elif outputs:
            reserved += [int(entered[-1])] * outputs
            earliest += [int(entered[-1]) + array.output_lag + 2 + row for row in range(outputs)]
    assert (output >= np.array(earliest, np.int64)).all()
    for cycle in set(reserved):
        taken_before = int((output < cycle).sum())
        assert sum(at <= cycle for at in reserved) - taken_before <= config.staging_words


def test_weights_of_a_common_peer_on_a_common_array() -> None:
    """384 x 768 x 768 on 128 x 128: 13,824 cycles of words, one load, and the way through the array."""
    config = draws.config(rows=128, cols=128, pe_bits=8, accumulator_width=32, formats=("int8",))
    cycles = stream_cycles(table(config, [Tile(384, 128)] * 36), config.timing)
    assert cycles.activations[-1] + 128 + 128 - 1 == 14_206 == 36 * 384 + 128 + 128 + 126
    assert compute_cycles(config.array, [Tile(384, 128)] * 36) == 14_206

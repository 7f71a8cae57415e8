"""The two claims on which the schedules rest, on arrays simulated register by register.

Where each weight comes to lie, and that no two results meet: each holds up to its bound, not a cycle beyond.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.arch.ant.config import Dataflow, Schedule
from tandemsim.sim.arch.ant.operands import operand_tables
from tests.ant import draws
from tests.ant.register_arrays import MeetingError, Pair, output_stationary, weight_stationary

SHAPES = [(1, 1), (1, 5), (5, 1), (3, 4), (4, 3), (7, 2), (6, 6)]


def later(rng: np.random.Generator, cycle: int) -> int:
    """Return `cycle`, or a later one."""
    return cycle + int(rng.choice([0, 0, 0, 1, 4]))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_weight_stays_in_its_row_if_its_load_begins_with_the_tile_before(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape)
    for _ in range(40):
        activations, weights, swaps, expected = {}, {}, set(), {}
        may_load = may_begin = 0
        for _ in range(int(rng.integers(2, 6))):
            height = int(rng.integers(1, shape[0] + 1))
            tile = rng.integers(-9, 10, (height, shape[1]))
            cycle = may_load - 1
            for row in range(height):
                cycle = later(rng, cycle + 1)
                weights[cycle] = tile[row]
            cycle = later(rng, max(cycle + 1, may_begin)) - 1
            for word in range(int(rng.integers(1, 9))):
                cycle = later(rng, cycle + 1)
                vector = rng.integers(-9, 10, shape[0])
                vector[height:] = 0
                activations[cycle] = vector
                if word == 0:
                    swaps.add(cycle)
                    may_load = cycle
                expected[cycle] = vector[:height] @ tile
            may_begin = cycle + 1
        below = weight_stationary(*shape, activations, swaps, weights)
        for cycle, sums in expected.items():
            assert [below[cycle + shape[0] + col, col] for col in range(shape[1])] == sums.tolist()


def second_tile(shape: tuple[int, int], load: int, begin: int) -> tuple[list[int], list[int]]:
    """Return what a second tile makes of ones, and what it should.

    The first begins in cycle 10, and full loads of the two begin in cycles 0 and `load`.
    """
    rows, cols = shape
    tiles = np.full(shape, 3), np.arange(1, rows * cols + 1).reshape(shape) * 5
    weights = {
        start + row: tile[row] for start, tile in zip((0, load), tiles, strict=True) for row in range(rows)
    }
    activations = {cycle: np.ones(rows, np.int64) for cycle in [*range(10, 10 + rows), begin]}
    below = weight_stationary(rows, cols, activations, {10, begin}, weights)
    return [below[begin + rows + col, col] for col in range(cols)], tiles[1].sum(axis=0).tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_load_that_begins_before_the_tile_before_is_wrong(shape: tuple[int, int]) -> None:
    found, expected = second_tile(shape, load=10, begin=10 + shape[0])
    assert found == expected
    found, expected = second_tile(shape, load=9, begin=10 + shape[0])
    assert found != expected


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[0] > 1])
def test_a_tile_that_begins_with_the_last_word_of_its_load_is_wrong(shape: tuple[int, int]) -> None:
    found, expected = second_tile(shape, load=10, begin=10 + shape[0] - 1)
    assert found != expected


@pytest.mark.parametrize("shape", SHAPES)
def test_results_leave_one_a_cycle_and_none_meet(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape)
    for _ in range(30):
        pairs, expected = {}, {}
        cycle, free = -1, 0
        for _ in range(int(rng.integers(2, 6))):
            length, height = int(rng.integers(1, 9)), int(rng.integers(1, shape[0] + 1))
            a, w = rng.integers(-9, 10, (length, shape[0])), rng.integers(-9, 10, (length, shape[1]))
            for k in range(length):
                last = k == length - 1
                cycle = later(rng, max(cycle + 1, free) if last else cycle + 1)
                pairs[cycle] = Pair(a[k], w[k], k == 0, last, height)
            free = cycle + height
            for row in range(height):
                leaves = cycle + shape[0] + height - 1 - row
                sums = (a[:, row] @ w).tolist()
                expected |= {(leaves + col, col): total for col, total in enumerate(sums)}
        assert output_stationary(*shape, pairs) == expected


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[0] > 1])
def test_results_meet_if_a_tile_ends_a_cycle_early(shape: tuple[int, int]) -> None:
    rows, cols = shape
    ones = np.ones(rows, np.int64), np.ones(cols, np.int64)
    pairs = {0: Pair(*ones, True, True, rows), rows - 1: Pair(*ones, True, True, rows)}
    with pytest.raises(MeetingError):
        output_stationary(rows, cols, pairs)


@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (6, 2)])
@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY])
def test_the_engine_is_these_arrays(shape: tuple[int, int], schedule: Schedule, flow: Dataflow) -> None:
    """Words enter when the engine says; what the registers make of them leaves as the engine says."""
    rng = np.random.default_rng([*shape, *map(ord, f"{schedule}{flow}")])
    rows, cols = shape
    made = {
        "rows": rows,
        "cols": cols,
        "schedule": schedule,
        "dataflow": flow,
        "formats": ("flint4", "int4u"),
    }
    config = draws.config(words=rows + 5, **made)
    table = operand_tables(config.array)
    values = (table.base << table.shift)[:, 0]
    for _ in range(15):
        tiles = []
        for tile in draws.tiles(rng, config, 5):
            alone = tile.command._replace(first=True, leaves=True)
            tiles.append(tile._replace(command=alone))
        found = AntGemm(config).run(tiles, draws.pauses(rng, tiles, config))
        activations, weights, swaps, pairs = {}, {}, set(), {}
        entered, loaded = iter(found.cycles.activations.tolist()), iter(found.cycles.weights.tolist())
        expected = iter(found.sums)
        results = []
        for command, left, above in (tile[:3] for tile in tiles):
            a, w = values[command.activation_format][left], values[command.weight_format][above]
            a[:, command.rows :], w[:, command.cols :] = 0, 0
            cycles = [next(entered) for _ in range(command.words)]
            if config.array.stationary:
                activations |= dict(zip(cycles, a, strict=True))
                weights |= {next(loaded): word for word in w}
                swaps.add(cycles[0])
                results += [(cycle + rows, next(expected)) for cycle in cycles]
                continue
            for k, cycle in enumerate(cycles):
                assert next(loaded) == cycle
                pairs[cycle] = Pair(a[k], w[k], k == 0, k == command.words - 1, command.rows)
            results += [(cycles[-1] + rows + row, next(expected)) for row in range(command.rows)]
        if config.array.stationary:
            below = weight_stationary(rows, cols, activations, swaps, weights)
        else:
            below = output_stationary(rows, cols, pairs)
        for cycle, sums in results:
            assert [below[cycle + col, col] for col in range(cols)] == sums.tolist()
        written = [cycle + cols + 1 for cycle, _ in results]  # together again, read, added
        assert all(out >= at + 2 for out, at in zip(found.cycles.output.tolist(), written, strict=True))
        assert all(b > a for a, b in pairwise(found.cycles.output.tolist()))

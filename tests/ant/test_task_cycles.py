"""Cycles of the machine's tasks, which are closed forms, against the streams of all their tiles."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.ant.mapper import task_cycles
from tandemsim.sim.ant.streams import stream_cycles
from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Schedule
from tandemsim.sim.arch.ant.laws import Tile
from tests.ant import draws
from tests.ant.test_gemm_cycles import ALL, table


def tiles_of(array: AntArray, m: int, n: int, k: int, operands: tuple[int, int], fold: int) -> list[Tile]:
    """Return the tiles of a product, down first; rows are those of PEs. What stays sums up `fold` at most."""
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        m, n, operands = n, m, operands[::-1]
    each = operands[0]
    stream, down = (m, k) if array.stationary else (k, m)
    count = 1 if array.stationary else -(-k // fold)
    streams = [stream * (part + 1) // count - stream * part // count for part in range(count)]
    across = range(0, n, array.tile_cols(operands[1]))
    full = array.tile_rows(operands[0])
    rows = [each * min(full, down - start) for _ in across for start in range(0, down, full)]
    return [Tile(stream, each) for each in rows for stream in streams]


@pytest.mark.parametrize(("flow", "schedule"), ALL)
def test_a_task_takes_what_its_tiles_do(flow: Dataflow, schedule: Schedule) -> None:
    rng = np.random.default_rng(list(map(ord, flow + schedule)))
    for _ in range(200):
        rows, cols = (2 * int(side) for side in rng.integers(1, 9, 2))
        config = draws.config(words=500, rows=rows, cols=cols, dataflow=flow, schedule=schedule)
        m, n, k = (int(each) for each in rng.integers(1, 60, 3))
        operands = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
        fold = int(rng.integers(1, 80))
        work = task_cycles(config, m, n, k, operands, fold)
        tiles = tiles_of(config.array, m, n, k, operands, fold)
        cycles = stream_cycles(table(config, tiles), config.timing)
        if schedule is Schedule.DRAIN:
            assert work.stream == cycles.activations[-1] + rows + cols - 1
            continue
        assert work.stream == cycles.activations[-1] - cycles.activations[0] + 1
        assert (work.first_rows, work.last_rows) == (tiles[0].rows, tiles[-1].rows)
        assert (work.first_words, work.last_words) == (tiles[0].stream, tiles[-1].stream)

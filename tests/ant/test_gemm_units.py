"""The matrix engine whole tiles at a time, against the same put together from its units, cycle by cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.ant.streams import NO_PAUSES
from tandemsim.sim.arch.ant.config import Dataflow, Overflow, Schedule
from tests.ant import draws
from tests.ant.grid import step

SHAPES = [(2, 6), (8, 2), (4, 4), (6, 8)]
ODD = [(1, 1), (3, 5), (5, 2)]
FORMATS = ("int4", "int4u", "pot4", "flint4", "flint4u", "int8", "int8u", "e2m1", "flint5u")


@pytest.mark.parametrize("flow", Dataflow)
@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("shape", SHAPES)
def test_words_and_cycles_are_those_of_the_units(
    flow: Dataflow, schedule: Schedule, shape: tuple[int, int]
) -> None:
    same_as_the_units(flow, schedule, shape, 5, {"formats": FORMATS})


@pytest.mark.parametrize("flow", Dataflow)
@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("shape", ODD)
def test_arrays_of_eight_bit_pes_are_those_of_their_units(
    flow: Dataflow, schedule: Schedule, shape: tuple[int, int]
) -> None:
    same_as_the_units(flow, schedule, shape, 3, {"formats": ("int8", "int8u", "int4"), "pe_bits": 8})


def same_as_the_units(
    flow: Dataflow, schedule: Schedule, shape: tuple[int, int], runs: int, made: dict[str, Any]
) -> None:
    rng = np.random.default_rng(list(map(ord, f"{flow}{schedule}{shape}")))
    for run in range(runs):
        rows, cols = shape
        least = rows if flow is Dataflow.OUTPUT_STATIONARY else 1
        config = draws.config(
            words=least + int(rng.integers(0, 30)),
            rows=rows,
            cols=cols,
            dataflow=flow,
            schedule=schedule,
            overflow=Overflow(rng.choice(["refuse", "saturate"])),
            foot_width=int(rng.choice([10, 32])),
            accumulator_width=int(rng.choice([9, 20])),
            **made,
        )
        tiles = draws.tiles(rng, config, int(rng.integers(1, 7)))
        ends = draws.pauses(rng, tiles, config) if run else NO_PAUSES
        words, cycles, saturations = step(config, tiles, ends)
        found = AntGemm(config).run(tiles, ends)
        for stream, expected in found.cycles._asdict().items():
            assert cycles[stream] == expected.tolist(), stream
        assert words == found.words()
        assert saturations == found.saturations

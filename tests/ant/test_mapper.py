"""`sim.ant.mapper`: its tiles fit, and its estimate is about what the tiles, one by one, take."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tandemsim.sim.ant.mapper import Mapping, best_mapping, candidates, task_cycles
from tandemsim.sim.ant.mapper_costs import RUN_AHEAD, Shape
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.sram import BufferConfig

SIZES = st.integers(1, 200)
KIB = 1024


def config(rows: int, dataflow: Dataflow, kib: tuple[int, int, int]) -> AntConfig:
    activation, weight, sums = (BufferConfig(capacity_bytes=size * KIB) for size in kib)
    array = dataclasses.replace(ANT.array, rows=rows, cols=rows, dataflow=dataflow)
    return dataclasses.replace(
        ANT,
        array=array,
        activation_scratchpad=activation,
        weight_scratchpad=weight,
        accumulator_scratchpad=sums,
    )


def shape(m: int, n: int, k: int, bits: int) -> Shape:
    return Shape(m, n, k, 1, (-(-bits // 4),) * 2, bits, 8, 1, 1, m * k * bits / 8, 0.0, 0, 0)


def walked(made: AntConfig, of: Shape, mapping: Mapping) -> int:
    """Return the cycles of the array, tile by tile."""
    return sum(
        task_cycles(
            made, min(mapping.tm, of.m - m), min(mapping.tn, of.n - n), min(mapping.tk, of.k - k), of.operands
        ).stream
        for m in range(0, of.m, mapping.tm)
        for n in range(0, of.n, mapping.tn)
        for k in range(0, of.k, mapping.tk)
    )


@settings(max_examples=200, deadline=None)
@given(
    SIZES, SIZES, SIZES, st.sampled_from([4, 8]), st.sampled_from([4, 8, 16]), st.sampled_from(Dataflow),
    st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 16)),
)  # fmt: skip
def test_tiles_fit_and_take_the_cycles_that_are_estimated(
    m: int, n: int, k: int, bits: int, rows: int, dataflow: Dataflow, kib: tuple[int, int, int]
) -> None:
    made, of = config(rows, dataflow, kib), shape(m, n, k, bits)
    try:
        mapping = best_mapping(made, of)
    except ConfigError:
        assume(False)
    assert 1 <= mapping.tm <= m and 1 <= mapping.tn <= n and 1 <= mapping.tk <= k
    for name, tile in (("activation", mapping.tm * mapping.tk), ("weight", mapping.tk * mapping.tn)):
        held = getattr(made, f"{name}_scratchpad").capacity_bytes
        assert RUN_AHEAD * tile * bits / 8 <= held + RUN_AHEAD
    if mapping.tk < k:
        assert 4 * mapping.tm * mapping.tn <= made.accumulator_scratchpad.capacity_bytes
    cycles = walked(made, of, mapping)
    tasks = math.ceil(m / mapping.tm) * math.ceil(n / mapping.tn) * math.ceil(k / mapping.tk)
    # the estimate has full tiles and no change from one task to the next
    assert abs(mapping.cycles - cycles) <= 3 * rows * tasks + 0.05 * cycles
    compulsory = (m * k + k * n) * bits / 8 + m * n
    assert mapping.bytes >= int(compulsory) - 2


@given(st.integers(1, 5000), st.integers(1, 100))
def test_candidates_are_the_smallest_tile_of_every_trip_count(size: int, granule: int) -> None:
    count = -(-size // granule)
    wanted = {min(size, -(-count // trips) * granule) for trips in range(1, count + 1)}
    assert set(candidates(size, granule).tolist()) == wanted


def test_a_product_that_fits_no_tiling_names_the_scratchpad() -> None:
    made = config(16, Dataflow.WEIGHT_STATIONARY, (1, 1, 1))
    made = dataclasses.replace(made, weight_scratchpad=BufferConfig(capacity_bytes=100))
    with pytest.raises(ConfigError, match="^weight_scratchpad.capacity_bytes must be at least 512 for its"):
        best_mapping(made, shape(64, 64, 64, 4))

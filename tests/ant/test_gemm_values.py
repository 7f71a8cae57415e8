"""Sums of the matrix engine: integer matrix products of the values that the codes stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.ant.streams import NO_PAUSES
from tandemsim.sim.ant.sums import matrix_product
from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Overflow
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.sim.arch.types import Integers
from tests.ant import draws
from tests.ant.cut import cut
from tests.ant.grid import step

LEFT = ("int4", "int4u", "pot4", "flint4", "flint4u", "e2m1", "int8", "int8u")
RIGHT = ("int4", "pot4", "flint4", "e2m1", "int8")
FLOWS = [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY]


def whole(
    config: AntConfig,
    parts: list[tuple[slice, slice]],
    sums: Integers,
    shape: tuple[int, int],
    names: tuple[str, str],
) -> Integers:
    """Return the product whose parts the engine put out in `sums`."""
    array = config.array
    each = [array.operands_of(FORMATS[name]) for name in names]
    out = np.zeros(shape, np.int64)
    at = 0
    for rows, cols in parts:
        part = out[rows, cols]
        words = sums[at : at + len(part)]
        at += len(part)
        part[:] = (words if array.stationary else words[::-1])[:, :: each[1]][:, : part.shape[1]]
    assert at == len(sums)
    return out


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("activation", LEFT)
@pytest.mark.parametrize("weight", RIGHT)
def test_sums_are_those_of_numpy(flow: Dataflow, activation: str, weight: str) -> None:
    rng = np.random.default_rng(list(map(ord, flow + activation + weight)))
    forms = FORMATS[activation], FORMATS[weight]
    for rows, cols in ((2, 4), (8, 6), (16, 16)):
        config = draws.config(
            rows=rows, cols=cols, dataflow=flow, formats=tuple(dict.fromkeys((activation, weight)))
        )
        m, k, n = (int(size) for size in rng.integers(1, 60, 3))
        left, right = draws.codes(rng, forms[0], (m, k)), draws.codes(rng, forms[1], (k, n))
        tiles, parts = cut(config, (activation, weight), left, right, int(rng.integers(1, 20)), rng)
        run = AntGemm(config).run(tiles, draws.pauses(rng, tiles, config))
        expected = forms[0].value[left].astype(np.int64) @ forms[1].value[right].astype(np.int64)
        assert (whole(config, parts, run.sums, (m, n), (activation, weight)) == expected).all()
        assert run.end.sum() == len(parts) and run.saturations == 0


@pytest.mark.parametrize("bits", [6, 8])
@pytest.mark.parametrize("flow", FLOWS)
def test_wide_pes_join_nothing(flow: Dataflow, bits: int) -> None:
    rng = np.random.default_rng(bits)
    names, codes = (f"int{bits}u", f"int{bits}"), 1 << bits
    config = draws.config(rows=5, cols=3, pe_bits=bits, accumulator_width=32, dataflow=flow, formats=names)
    left, right = rng.integers(0, codes, (17, 23)), rng.integers(0, codes, (23, 10))
    tiles, parts = cut(config, names, left, right, 9, rng)
    expected = left @ np.where(right >= codes // 2, right - codes, right)
    found = whole(config, parts, AntGemm(config).run(tiles).sums, (17, 10), ("int4", "int4"))
    assert (found == expected).all()


def one_word_tiles(config: AntConfig, count: int, base: int) -> list[GemmTile]:
    """Return tiles of one output word, all parts of the sum 1 + 2 + ... + count in every column."""
    array, made = config.array, []
    for part in range(1, count + 1):
        command = GemmCommand(1, 1, array.cols, 0, 0, part == 1, part == count, base)
        left = np.zeros((1, array.rows), np.int64)
        left[0, 0] = part
        made.append(GemmTile(command, left, np.ones((1, array.cols), np.int64)))
    return made


@pytest.mark.parametrize("flow", FLOWS)
def test_tiles_of_one_word_back_to_back_on_one_address_read_the_new_sum(flow: Dataflow) -> None:
    config = draws.config(rows=2, cols=3 - flow.value.count("x") + 1, dataflow=flow, formats=("int4",))
    tiles = one_word_tiles(config, 7, base=3)
    words, cycles, _ = step(config, tiles, NO_PAUSES)
    assert np.diff(cycles["activations"]).tolist() == [1] * 6
    assert [word.sums for word in words] == [(28,) * config.array.cols]
    assert words == AntGemm(config).run(tiles).words()


@pytest.mark.parametrize("flow", FLOWS)
def test_sums_that_saturate_take_the_bound_at_each_step_and_are_counted(flow: Dataflow) -> None:
    made: dict[str, Any] = {"rows": 2, "cols": 2, "dataflow": flow, "formats": ("int4",), "foot_width": 5}
    config = draws.config(overflow=Overflow.SATURATE, **made)
    run = AntGemm(config).run(one_word_tiles(config, 7, 0))
    assert run.sums.tolist() == [[15, 15]]  # 1, 3, 6, 10, 15, 15, 15
    assert run.saturations == 4  # the last two steps, in both columns


@pytest.mark.parametrize("largest", [1 << 10, 1 << 25, 1 << 29])
def test_products_are_exact_beyond_the_whole_numbers_of_a_double(largest: int) -> None:
    rng = np.random.default_rng(largest)
    left, right = rng.integers(-largest, largest, (3, 8)), rng.integers(-largest, largest, (8, 2))
    exact = left.astype(object) @ right.astype(object)
    assert (matrix_product(left, right) == exact).all()


def test_sums_beyond_an_accumulator_wrap_where_nothing_saturates() -> None:
    config = draws.config(rows=2, cols=2, formats=("int4",), foot_width=5)
    assert AntGemm(config).run(one_word_tiles(config, 7, 0)).sums.tolist() == [[28 - 32] * 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": 0}, "GemmCommand.words must be at least 1 and at most 65535, not 0"),
        ({"rows": 5}, "GemmCommand.rows must be at least 1 and at most 4, not 5"),
        ({"cols": 0}, "GemmCommand.cols must be at least 1 and at most 4, not 0"),
        ({"rows": 3}, "GemmCommand.rows must be even for int8, not 3"),
        ({"cols": 3}, "GemmCommand.cols must be even for int8, not 3"),
        ({"base": 63, "leaves": False}, "GemmCommand.base must leave 2 of 64 accumulators, not 63"),
        ({"base": -1, "leaves": False}, "GemmCommand.base must leave 2 of 64 accumulators, not -1"),
    ],
)
def test_a_command_that_the_circuit_cannot_run_is_refused(change: dict[str, Any], message: str) -> None:
    config = draws.config(rows=4, cols=4, formats=("int8",), dataflow=Dataflow.OUTPUT_STATIONARY)
    command = GemmCommand(3, 4, 4, 0, 0, True, True, 0)._replace(**change)
    tile = GemmTile(command, np.zeros((3, 4), np.int64), np.zeros((3, 4), np.int64))
    with pytest.raises(ConfigError) as refused:
        AntGemm(config).run([tile])
    assert str(refused.value) == message


def test_a_buffer_below_a_tile_is_refused() -> None:
    config = draws.config(words=3, rows=4, cols=4, dataflow=Dataflow.OUTPUT_STATIONARY)
    with pytest.raises(
        ConfigError, match="output_scratchpad.capacity_bytes must be at least 64 for a circuit"
    ):
        AntGemm(config)

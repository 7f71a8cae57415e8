"""Products of block formats: exact fractions are the oracle, and float64 for the size of the error."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.block_sums import BlockOperand, BlockSums, add, run_block_gemm
from tandemsim.sim.arch.ant.config import AntArray, Dataflow
from tandemsim.sim.arch.ant.wires import GUARD_BITS
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, SCALE, BlockFormat, Blocks
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Doubles

NAMES = ("mxfp4", "mxfp6-e2m3", "mxfp6-e3m2", "mxint8", "nvfp4")


def array(name: str, rows: int = 64, **change: Any) -> AntArray:
    made = {"rows": rows, "formats": (BLOCK_FORMATS[name].element.name,), "accumulator_width": 24}
    return AntArray(**made | change)


def operand(values: Doubles, form: BlockFormat) -> BlockOperand:
    return BlockOperand(form.quantize(values), form)


def heavy(rng: np.random.Generator, shape: tuple[int, int], spread: int = 0) -> Doubles:
    """Return numbers with outliers, and rows of all sizes."""
    values = rng.standard_t(3, shape)
    return values * 2.0 ** rng.integers(-spread, spread + 1, shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [1, 16, 31, 64, 200, 768])
def test_the_error_is_below_a_unit_of_the_guard_bits_for_each_addition(name: str, k: int) -> None:
    rng = np.random.default_rng([k, *map(ord, name)])
    form = BLOCK_FORMATS[name]
    sides = [operand(heavy(rng, (rows, k), spread=6), form) for rows in (5, 7)]
    found = run_block_gemm(array(name), *sides)
    exact = [form.dequantize(side.blocks) for side in sides]
    blocks = -(-k // form.length)
    for m in range(5):
        for n in range(7):
            products = zip(exact[0][m], exact[1][n], strict=True)
            true = sum((Fraction(a) * Fraction(b) for a, b in products), Fraction(0))
            # The running exponent is at most that of the largest product of two scales.
            scales = [_scale_bounds(side)[row] for side, row in zip(sides, (m, n), strict=True)]
            unit = float(np.max(scales[0] * scales[1])) * form.unit**2 / 2**GUARD_BITS
            tensors = sides[0].blocks.tensor_scale * sides[1].blocks.tensor_scale
            assert (
                abs(Fraction(found.output[m, n]) - true)
                <= (blocks + 4) * unit * tensors * (1 + 1e-9) + 1e-300
            )
    assert found.saturations == 0


def _scale_bounds(side: BlockOperand) -> Doubles:
    """Return each scale's power of two, [rows, blocks]."""
    if side.form.float_scale:
        return np.ldexp(SCALE.unit, SCALE.shift[side.blocks.scales])
    return np.ldexp(1.0, side.blocks.scales - 127)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("normal", [True, False])
def test_the_accumulators_error_is_nothing_beside_that_of_the_elements(name: str, normal: bool) -> None:
    """Of the results' size, 1e-7; with outliers in single blocks 1e-4; the elements cost 4 to 20 %."""
    rng = np.random.default_rng(list(map(ord, name)))
    form = BLOCK_FORMATS[name]
    draw = rng.standard_normal if normal else lambda shape: heavy(rng, shape)
    given = draw((64, 768)), draw((64, 768))
    sides = [operand(values, form) for values in given]
    true = form.dequantize(sides[0].blocks) @ form.dequantize(sides[1].blocks).T
    size = np.sqrt((true**2).mean())
    found = run_block_gemm(array(name), *sides).output
    assert np.sqrt(((found - true) ** 2).mean()) <= (1e-7 if normal else 1e-4) * size
    ideal = given[0] @ given[1].T
    assert np.sqrt(((true - ideal) ** 2).mean()) > 100 * np.sqrt(((found - true) ** 2).mean())


def test_blocks_of_equal_scales_are_exact() -> None:
    form, rng = BLOCK_FORMATS["mxfp4"], np.random.default_rng(0)
    codes = [rng.integers(0, 16, (4, 320)) for _ in range(2)]
    scales = np.full((4, 10), 120)
    sides = [BlockOperand(Blocks(each, scales, 1.0), form) for each in codes]
    values = [form.element.value[each] * form.unit * 2.0**-7 for each in codes]
    assert (run_block_gemm(array("mxfp4"), *sides).output == values[0] @ values[1].T).all()


def test_the_smaller_exponent_gives_way_and_rounds_down() -> None:
    def number(significand: int, exponent: int) -> BlockSums:
        return BlockSums(np.array([[significand]]), np.array([[exponent]]))

    assert add(number(-3, 0), number(5, 1), 32) == ((-2 + 5, 1), 0)  # -1.5 is -2
    assert add(number(5, 1), number(3, 0), 32) == ((5 + 1, 1), 0)
    assert add(number(0, 9), number(3, 0), 32) == ((3, 0), 0)
    assert add(number(3, 0), number(0, 9), 32) == ((3, 0), 0)
    assert add(number(-1, -300), number(7, 0), 32) == ((6, 0), 0)
    assert add(number(120, 0), number(9, 0), 8) == ((127, 0), 1)
    assert add(number(-120, 0), number(-9, 0), 8) == ((-128, 0), 1)


def test_elements_of_two_nibbles_where_they_stream_leave_half_the_taps() -> None:
    """Of 128 rows, MXINT8 has two taps where it streams, and four where MXFP4 does."""
    rng = np.random.default_rng(4)
    wide, narrow = BLOCK_FORMATS["mxint8"], BLOCK_FORMATS["mxfp4"]

    def drawn(form: BlockFormat, rows: int) -> BlockOperand:
        codes = rng.integers(0, len(form.element.base), (rows, 768))
        return BlockOperand(Blocks(codes, rng.integers(115, 140, (rows, 24)), 1.0), form)

    one, other = drawn(wide, 9), drawn(narrow, 8)
    streaming = run_block_gemm(array("mxint8", 128), one, other).output
    for rows, flow, sides in (
        (64, Dataflow.WEIGHT_STATIONARY, (other, one)),
        (64, Dataflow.INPUT_STATIONARY, (one, other)),
        (128, Dataflow.INPUT_STATIONARY, (other, one)),
    ):
        found = run_block_gemm(array("mxint8", rows, dataflow=flow), *sides).output
        assert (found if sides[0] is one else found.T).tolist() == streaming.tolist()
    assert (streaming != run_block_gemm(array("mxint8", 128), other, one).output.T).any()


def test_segments_of_a_column_meet_in_their_order() -> None:
    """Rows 2 x 32: even blocks add up, odd blocks add up, then both."""
    form = BLOCK_FORMATS["mxfp4"]
    codes = np.full((1, 128), 1)  # 0.5 each
    ones = BlockOperand(Blocks(np.full((1, 128), 2), np.full((1, 4), 127), 1.0), form)
    scales = np.array([[127 - 15, 127, 127 - 15, 127]])
    mixed = BlockOperand(Blocks(codes, scales, 1.0), form)
    # A small block is half of the last guard bit of a large one: lost by itself, but two of them are not.
    apart, together = (run_block_gemm(array("mxfp4", rows), mixed, ones).output[0, 0] for rows in (64, 32))
    assert apart == 16 + 16 + 2.0 ** (-GUARD_BITS - 2)
    assert together == 16 + 16


@pytest.mark.parametrize(
    ("made", "left", "right", "message"),
    [
        ({}, "mxfp4", "nvfp4", "blocks of mxfp4 and of nvfp4 must have one length and one kind of scale"),
        (
            {"dataflow": Dataflow.OUTPUT_STATIONARY},
            "mxfp4",
            "mxfp4",
            "dataflow must be ws or is for blocks of mxfp4, not os",
        ),
        (
            {"rows": 48},
            "mxfp4",
            "mxfp4",
            "AntArray.rows must be a multiple of the 32 rows of a block of mxfp4, not 48",
        ),
        (
            {"rows": 32},
            "mxint8",
            "mxfp4",
            "AntArray.rows must be a multiple of the 64 rows of a block of mxint8, not 32",
        ),
        (
            {"rows": 32, "dataflow": Dataflow.INPUT_STATIONARY},
            "mxfp4",
            "mxint8",
            "AntArray.rows must be a multiple of the 64 rows of a block of mxint8, not 32",
        ),
        (
            {"accumulator_width": 23},
            "mxfp6-e3m2",
            "mxfp6-e3m2",
            "AntArray.accumulator_width must be at least 24 for the sum of a block of mxfp6-e3m2, not 23",
        ),
    ],
)
def test_what_no_array_runs_is_refused(made: dict[str, Any], left: str, right: str, message: str) -> None:
    sides = [operand(np.ones((2, 64)), BLOCK_FORMATS[name]) for name in (left, right)]
    with pytest.raises(ConfigError) as refused:
        run_block_gemm(array("mxfp4", **made), *sides)
    assert str(refused.value).startswith(message)

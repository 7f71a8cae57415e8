"""Tiles in blocks through the array's taps, against the matrix product of the block formats themselves."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.ant.block_sums import BlockOperand, BlockSums, add, run_block_gemm
from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import Dataflow
from tandemsim.sim.arch.ant.wires import GUARD_BITS, tap_width
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, E8M0_BIAS
from tandemsim.sim.arch.checks import ConfigError
from tests.ant import draws

SHAPES = [("mxfp4", 32, 4), ("mxfp4", 96, 2), ("nvfp4", 16, 6), ("nvfp4", 64, 2), ("mxfp6-e2m3", 64, 4)]


def machine(taps, rows, cols, **more):
    element = BLOCK_FORMATS[taps].element.name
    return draws.config(
        rows=rows, cols=cols, taps=taps, formats=("int4", element), accumulator_width=26, **more
    )


def tiles_of(config, activations, weights):
    """Cut a product of [words, K] and [C, K] into tiles of all rows, each with its part of the scales."""
    array, length = config.array, config.array.blocks.length
    words, depth = activations.codes.shape
    made = []
    for start in range(0, depth, array.rows):
        part = slice(start, min(start + array.rows, depth))
        rows = part.stop - start
        scales = slice(start // length, start // length + array.segments)
        filled = np.zeros((words, array.rows), np.int64)
        filled[:, :rows] = activations.codes[:, part]
        left = np.full((words, array.segments), E8M0_BIAS if not array.blocks.float_scale else 56)
        above = np.full((array.segments, array.cols), left[0, 0])
        left[:, : len(activations.scales[0, scales])] = activations.scales[:, scales]
        above[: len(weights.scales[0, scales])] = weights.scales[:, scales].T
        first, leaves = start == 0, part.stop == depth
        command = GemmCommand(words, rows, array.cols, 1, 1, first, leaves, 0, blocks=True)
        made.append(GemmTile(command, filled, weights.codes[:, part].T, left, above))
    return made


@pytest.mark.parametrize(("taps", "rows", "cols"), SHAPES)
@pytest.mark.parametrize("depth", [1, 40, 200])
def test_tiles_through_taps_are_the_product_of_their_blocks(taps, rows, cols, depth):
    config, form = machine(taps, rows, cols), BLOCK_FORMATS[taps]
    rng = np.random.default_rng([rows, cols, depth])
    values = [rng.standard_normal((n, depth)) * np.exp(rng.normal(0, 2, (n, 1))) for n in (5, cols)]
    one, other = (form.quantize(each) for each in values)
    run = AntGemm(config).run(tiles_of(config, one, other))
    wanted = run_block_gemm(config.array, BlockOperand(one, form), BlockOperand(other, form))
    unit = form.unit**2 * (2.0 ** -(6 + 3) if form.float_scale else 1.0) ** 2  # of E4M3 the smallest number
    scale = unit * one.tensor_scale * other.tensor_scale
    found = np.ldexp(run.sums.astype(np.float64), run.exponents - GUARD_BITS) * scale
    np.testing.assert_array_equal(found, wanted.output)
    exact = form.dequantize(one) @ form.dequantize(other).T
    size = np.abs(form.dequantize(one)) @ np.abs(form.dequantize(other)).T
    assert (np.abs(found - exact) <= 1e-6 * size).all()


def test_what_lies_far_below_is_lost_and_what_lies_far_above_stays():
    width = tap_width(BLOCK_FORMATS["mxfp4"])
    numbers = [
        BlockSums(np.array([sig]), np.array([exp])) for sig, exp in [(3, 100), (5, 0), (0, 200), (-1, 0)]
    ]
    large, small, zero, minus = numbers
    assert [each.item() for each in add(large, small, width)[0]] == [3, 100]
    assert [each.item() for each in add(zero, small, width)[0]] == [5, 0]
    assert [each.item() for each in add(large, minus, width)[0]] == [2, 100], "rounded down"


def test_a_sum_that_a_tap_cannot_hold_takes_the_bound_and_is_counted():
    bound = (1 << 31) - 1
    most = BlockSums(np.array([bound - 1]), np.array([0]))
    total, count = add(most, BlockSums(np.array([2]), np.array([0])), 32)
    assert (total.significand.item(), count) == (bound, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"taps": "mxfp5"}, "mxfp5"),
        ({"rows": 48}, "AntArray.rows must be a multiple of the 32 elements of a block of mxfp4, not 48"),
        ({"dataflow": Dataflow.OUTPUT_STATIONARY}, "AntArray.dataflow must be ws or is for taps of mxfp4"),
        ({"formats": ("int4",)}, "AntArray.formats must name e2m1, of which blocks of mxfp4 are"),
    ],
)
def test_taps_that_cannot_be_are_refused(change, said):
    given = {"rows": 64, "cols": 2, "taps": "mxfp4", "formats": ("int4", "e2m1")}
    with pytest.raises(ConfigError, match=said):
        draws.config(**given | change)


def test_a_tile_in_blocks_needs_taps_and_their_elements():
    tapped, plain = machine("mxfp4", 32, 2), draws.config(rows=32, cols=2, formats=("int4", "e2m1"))
    command = GemmCommand(1, 4, 2, 1, 1, True, True, 0, blocks=True)
    tile = GemmTile(command, np.zeros((1, 32), np.int64), np.zeros((4, 2), np.int64))
    with pytest.raises(ConfigError, match="GemmCommand.blocks must be false for an array without taps"):
        AntGemm(plain).run([tile])
    with pytest.raises(ConfigError, match="GemmCommand.weight_format must be 1 for blocks of mxfp4, not 0"):
        AntGemm(tapped).run([tile._replace(command=command._replace(weight_format=0))])

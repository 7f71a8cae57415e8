"""Products of a trace in block formats: blocks as the array has them, and sums by `sim.ant.block_sums`.

Obeys: the formats' own rules (`sim.arch.blocks`): scales are those of the rule, and NVFP4's tensor has one
more. Blocks of an activation run along what is reduced, those of an image along the channels of a pixel, all
groups alike. A weight has its blocks where its activations have theirs: they end with each place of a
kernel, and where groups share a tile (`sim.ant.stored`), each column has the blocks of all of them.

An element travels as one number, its code and its block's scale; 0 is a zero in a block of zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from tandemsim.sim.ant.block_sums import BlockOperand, run_block_gemm
from tandemsim.sim.ant.stored import groups_of
from tandemsim.sim.ant.values.products import Numbers, by_channel, product
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, SCALE_BITS, BlockFormat, Blocks
from tandemsim.sim.arch.types import Doubles
from tandemsim.traces.schema import Op

AT_ONCE = 1 << 21  # sums that are made together


class BlockProduct(NamedTuple):
    """What the array makes of a product of a trace, without what is added to it."""

    output: Doubles
    saturations: int  # additions that took the bound of an accumulator


def block_product(
    array: AntArray, op: Op, left: Doubles, right: Doubles, names: tuple[str, str]
) -> BlockProduct:
    """Return the product of an op whose operands become blocks of the formats `names`.

    Raises `ConfigError` for what the array cannot run.
    """
    forms = BLOCK_FORMATS[names[0]], BLOCK_FORMATS[names[1]]
    channels = op.dims.get("out_channels", 0)
    if op.kind == "conv2d":
        op, left, right = _in_whole_blocks(array, op, left, right, forms)
        one, tensor = _numbers(left, forms[0], axis=1)
        other, of_weight = _numbers(right, forms[1], axis=1)
        other = other.reshape(len(other), -1)
    else:
        one, tensor = _numbers(left.reshape(-1, op.dim("k")), forms[0])
        other, of_weight = _numbers(by_channel(op, right), forms[1])
    saturations = 0

    def multiply(rows: Numbers, columns: Numbers, which: slice) -> Doubles:
        nonlocal saturations
        operand, step, outputs = _operand(rows, forms[0], tensor), max(1, AT_ONCE // max(1, len(rows))), []
        for first in range(0, columns.shape[1], step):
            some = _operand(columns[:, first : first + step].T, forms[1], of_weight)
            found = run_block_gemm(array, operand, some)
            saturations += found.saturations
            outputs.append(found.output)
        return np.concatenate(outputs, axis=1)

    output = product(op, one, other, multiply)
    return BlockProduct(output[:, :channels] if op.kind == "conv2d" else output, saturations)


def _in_whole_blocks(
    array: AntArray, op: Op, image: Doubles, weight: Doubles, forms: tuple[BlockFormat, BlockFormat]
) -> tuple[Op, Doubles, Doubles]:
    """Return a convolution as the array has it: as many groups as share a tile are one, zeros between them,
    and behind the channels up to a whole block.
    """
    left, above = (array.operands_of(form.element) for form in forms)
    tile = array.tile_rows(left), array.tile_cols(above)
    packed, padding = groups_of(op, *tile, forms[0].name)
    groups, outputs = op.dim("groups"), op.dim("out_channels")
    each, channels = outputs // groups, op.dim("in_channels") // groups
    count, depth = -(-groups // packed), packed * channels + padding
    pixels, kernel = (op.dim("height"), op.dim("width")), (op.dim("kernel_h"), op.dim("kernel_w"))
    wide = np.zeros((op.dim("batch"), count * depth, *pixels))
    wide[:, : groups * channels] = image.reshape(-1, groups * channels, *pixels)
    weights = np.zeros((count * packed * each, depth, *kernel))
    for group in range(groups):
        first = group % packed * channels
        rows = slice(group * each, (group + 1) * each)
        weights[rows, first : first + channels] = weight.reshape(outputs, channels, *kernel)[rows]
    sizes = {"groups": count, "in_channels": count * depth, "out_channels": len(weights)}
    return replace(op, dims={**op.dims, **sizes}), wide, weights


def _numbers(values: Doubles, form: BlockFormat, axis: int = -1) -> tuple[Numbers, float]:
    """Return a number for each element, blocks along `axis`, and the scale of the tensor."""
    inner = np.moveaxis(values, axis, -1)
    blocks = form.quantize(inner)
    scales = np.repeat(blocks.scales, form.length, axis=-1)[..., : inner.shape[-1]]
    numbers = (blocks.codes << SCALE_BITS | scales).astype(np.int32)
    return np.moveaxis(numbers, -1, axis), blocks.tensor_scale


def _operand(numbers: Numbers, form: BlockFormat, tensor_scale: float) -> BlockOperand:
    """Return rows of numbers as codes and scales."""
    given = numbers.astype(np.int64)
    scales = (given & ((1 << SCALE_BITS) - 1))[:, :: form.length]
    return BlockOperand(Blocks(given >> SCALE_BITS, scales, tensor_scale), form)

"""How wide operands are in memory: a code for each element, and of block formats a scale for each block.

Blocks of an activation run along what a product reduces, those of an image along the channels of a pixel, all
groups alike. A weight has blocks where its activations have them, so those of a convolution end with each
place of the kernel, and a tile has zeros behind them up to a whole block. The last block of a line may be
short; it has a scale, too.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from tandemsim.sim.ant.layers import Width
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, SCALE_BITS
from tandemsim.traces.schema import Op


class Groups(NamedTuple):
    """How groups of a convolution share a tile."""

    packed: int  # groups
    padding: int  # zeros behind their channels at each place of the kernel


def block_length(block: str) -> int:
    """Return the elements of a block; 1 without blocks."""
    return BLOCK_FORMATS[block].length if block else 1


def stored_bits(bits: int, block: str, line: int, lines: int = 1) -> Width:
    """Return the mean bits of an element in lines of `line` elements that follow one another.

    Blocks are those of all lines together, as of the channels of a pixel; of each line, one group's weights,
    every block that it reaches has a scale of its own.
    """
    if not block:
        return bits
    length = block_length(block)
    reached = sum(-(-(each + 1) * line // length) - each * line // length for each in range(lines))
    return whole(bits + Fraction(SCALE_BITS * reached, line * lines))


def groups_of(op: Op, rows: int, cols: int, block: str) -> Groups:
    """Return how groups of a convolution share a tile of `rows` x `cols` elements: as many as fit.

    In blocks, as many as end with one, or with the last group.
    """
    groups, length = op.dim("groups"), block_length(block)
    channels, n = op.dim("in_channels") // groups, op.dim("out_channels") // groups
    k = channels * op.dim("kernel_h") * op.dim("kernel_w")
    packed = max(1, min(groups, rows // k if k <= rows else 1, cols // n if n <= cols else 1))
    if groups > 1 and packed * channels % length:
        packed = min(groups, length // math.gcd(channels, length))
    return Groups(packed, -packed * channels % length)


def whole(value: Fraction) -> Width:
    """Return a fraction as an integer, if it is one."""
    return value.numerator if value.denominator == 1 else value

"""A matrix product of block formats: exact sums of blocks, scaled at taps, added up with a running exponent.

Obeys: the OCP Microscaling Formats specification, version 1.0, and NVFP4, as `sim.arch.blocks` has them. A
weight-stationary column is cut at the end of each block by a tap, which takes the block's sum out, multiplies
it by the significands of its two scales and has their exponents. All taps of one place in the column, tile
after tile, add up in one accumulator; those of a column meet, the upper ones first, when the output leaves.

An accumulator is a significand of some bits and an exponent. To add, the smaller exponent becomes the larger
one, its significand shifted right and rounded down; `GUARD_BITS` below the unit of a block's sum keep what
that loses small. A sum of 0 changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.sums import matrix_product
from tandemsim.sim.arch.ant.config import AntArray, Dataflow
from tandemsim.sim.arch.ant.wires import GUARD_BITS, tap_width
from tandemsim.sim.arch.blocks import E8M0_BIAS, E8M0_NAN, SCALE, BlockFormat, Blocks
from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.types import Doubles, Integers

FAR = 62  # a shift by as much leaves nothing, in int64, and of negative numbers -1


class BlockOperand(NamedTuple):
    """A quantized operand; codes are [rows, K] for both sides, since blocks run along the last dimension."""

    blocks: Blocks
    form: BlockFormat


class BlockSums(NamedTuple):
    """Sums as the accumulators have them: ``significand * 2**(exponent - GUARD_BITS)``, [M, N]."""

    significand: Integers
    exponent: Integers


class BlockValues(NamedTuple):
    """What the array makes of a product of block formats."""

    output: Doubles  # [M, N]
    saturations: int  # additions that took the bound of an accumulator


def run_block_gemm(array: AntArray, activations: BlockOperand, weights: BlockOperand) -> BlockValues:
    """Return ``activations @ weights.T``.

    Raises `ConfigError` for an array that has no taps, and for operands whose blocks do not agree.
    """
    length = check_blocks(array, activations, weights)
    significands, exponents = zip(*(_scales(each) for each in (activations, weights)), strict=True)
    values = [_values(each) for each in (activations, weights)]
    width = tap_width(activations.form)
    shape = len(values[0]), len(values[1])
    taps = array.rows // length
    held = [nothing(shape) for _ in range(taps)]
    saturations = 0
    for block in range(significands[0].shape[1]):
        at = slice(block * length, (block + 1) * length)
        total = matrix_product(values[0][:, at], values[1][:, at].T)
        scaled = total * np.outer(significands[0][:, block], significands[1][:, block])
        exponent = exponents[0][:, block, None] + exponents[1][:, block]
        tap = block % taps
        held[tap], count = add(held[tap], BlockSums(scaled << GUARD_BITS, exponent), width)
        saturations += count
    sums = held[0]
    for other in held[1:]:
        sums, count = add(sums, other, width)
        saturations += count
    unit = activations.form.unit * weights.form.unit * _scale_unit(activations.form) ** 2
    tensors = activations.blocks.tensor_scale * weights.blocks.tensor_scale
    output = np.ldexp(sums.significand.astype(np.float64), sums.exponent - GUARD_BITS) * unit * tensors
    return BlockValues(output, saturations)


def add(one: BlockSums, other: BlockSums, width: int) -> tuple[BlockSums, int]:
    """Return the sum of two as an accumulator of `width` bits holds it, and how many took its bound."""
    exponent = np.maximum(one.exponent, other.exponent)
    exponent = np.where(one.significand == 0, other.exponent, exponent)
    exponent = np.where(other.significand == 0, one.exponent, exponent)
    exact = sum(
        each.significand >> np.clip(exponent - each.exponent, 0, FAR) for each in (one, other)
    ) + np.zeros_like(exponent)
    bound = (1 << (width - 1)) - 1
    total = np.clip(exact, -bound - 1, bound)
    return BlockSums(total, exponent), int((total != exact).sum())


def check_blocks(array: AntArray, activations: BlockOperand, weights: BlockOperand) -> int:
    """Return the length of a block. Raises `ConfigError` for what the array cannot run."""
    one, other = activations.form, weights.form
    if (one.length, one.float_scale) != (other.length, other.float_scale):
        raise ConfigError(
            f"blocks of {one.name} and of {other.name} must have one length and one kind of scale"
        )
    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        raise ConfigError("block formats must run weight or input stationary: other sums do not pass a tap")
    for form in (one, other):
        if array.operands_of(form.element) != 1:
            raise ConfigError(f"{form.name} must have elements of one operand of a PE")
    rule = f"AntArray.rows must be a multiple of the {one.length} elements of a block"
    require(array.rows % one.length == 0, rule, array.rows)
    return one.length


def _values(operand: BlockOperand) -> Integers:
    form = operand.form.element
    if not form.finite[operand.blocks.codes].all():
        raise ConfigError(f"every code of {operand.form.name} must be a finite number")
    values: Integers = (form.base << form.shift)[operand.blocks.codes]
    return values


def _scales(operand: BlockOperand) -> tuple[Integers, Integers]:
    """Return the significands and exponents of the scales, [rows, blocks]."""
    form, codes = operand.form, operand.blocks.scales
    finite = SCALE.finite[codes] if form.float_scale else codes != E8M0_NAN
    if not finite.all():
        raise ConfigError(f"every scale of {form.name} must be a finite number")
    return scale_parts(form, codes)


def scale_parts(form: BlockFormat, codes: Integers) -> tuple[Integers, Integers]:
    """Return the significands and exponents that codes of scales stand for."""
    if form.float_scale:
        return SCALE.base[codes], SCALE.shift[codes]
    return np.ones_like(codes), codes - E8M0_BIAS


def _scale_unit(form: BlockFormat) -> float:
    return SCALE.unit if form.float_scale else 1.0


def nothing(shape: tuple[int, ...]) -> BlockSums:
    """Return accumulators that hold nothing."""
    return BlockSums(np.zeros(shape, np.int64), np.zeros(shape, np.int64))

"""A matrix product of block formats: exact sums of blocks, scaled at taps, added up with a running exponent.

Obeys: the OCP Microscaling Formats specification, version 1.0, and NVFP4, as `sim.arch.blocks` has them. A
weight-stationary column is cut at the end of each block by a tap, which takes the block's sum out, multiplies
it by the significands of its two scales and has their exponents. All taps of one place in the column, tile
after tile, add up in one accumulator; those of a column meet, the upper ones first, when the output leaves.
Input stationary, the operands change places. Elements of two nibbles, as of MXINT8, fill two rows where they
stream, so a column has half the taps; sums of the two nibbles of weights are joined before a tap scales them.

An accumulator is a significand of some bits and an exponent. To add, the smaller exponent becomes the larger
one, its significand shifted right and rounded down; `GUARD_BITS` below the unit of a block's sum keep what
that loses small. A sum of 0 changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.sums import matrix_product
from tandemsim.sim.arch.ant.config import BYTE, AntArray, Dataflow
from tandemsim.sim.arch.ant.widths import NIBBLE, Range, operand, product, values_of
from tandemsim.sim.arch.ant.wires import GUARD_BITS, tap_width
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, E8M0_BIAS, E8M0_NAN, SCALE, BlockFormat, Blocks
from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.types import Doubles, Integers

EXPONENT_WIDTH = 10  # bits of an accumulator's exponent: of two scales of E8M0, and a sign; E4M3's need fewer
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
    length = check_blocks(array, activations.form, weights.form)
    significands, exponents = zip(*(_scales(each) for each in (activations, weights)), strict=True)
    values = [_values(each) for each in (activations, weights)]
    width = tap_width(activations.form)
    shape = len(values[0]), len(values[1])
    taps = taps_of(array, activations.form, weights.form)
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


def check_blocks(array: AntArray, one: BlockFormat, other: BlockFormat) -> int:
    """Return the length of a block of activations and of weights. Raises `ConfigError` for what the array
    cannot run.
    """
    if (one.length, one.float_scale) != (other.length, other.float_scale):
        raise ConfigError(
            f"blocks of {one.name} and of {other.name} must have one length and one kind of scale"
        )
    if not array.stationary:
        raise ConfigError(f"dataflow must be ws or is for blocks of {one.name}, not {array.dataflow}")
    streamed, held = (other, one) if array.dataflow is Dataflow.INPUT_STATIONARY else (one, other)
    rows = one.length * array.operands_of(streamed.element)
    rule = f"AntArray.rows must be a multiple of the {rows} rows of a block of {streamed.name}"
    require(array.rows % rows == 0, rule, array.rows)
    least, greatest = product(values_of(streamed.element), _held(array, held))
    needed = Range(one.length * least, one.length * greatest).bits
    rule = f"AntArray.accumulator_width must be at least {needed} for the sum of a block of {one.name}"
    require(array.accumulator_width >= needed, rule, array.accumulator_width)
    return one.length


def taps_of(array: AntArray, activation: BlockFormat, weight: BlockFormat) -> int:
    """Return the taps of a column."""
    streamed = weight if array.dataflow is Dataflow.INPUT_STATIONARY else activation
    return array.rows // (streamed.length * array.operands_of(streamed.element))


def accumulator_bytes(array: AntArray, bits: Bits) -> int:
    """Return the bytes of an accumulator: of blocks, of its significand and exponent."""
    if not bits.blocks[0]:
        return array.sum_bytes
    return -(-(tap_width(BLOCK_FORMATS[bits.blocks[0]]) + EXPONENT_WIDTH) // BYTE)


def sum_bytes(array: AntArray, bits: Bits) -> int:
    """Return the bytes of a result at the foot: an accumulator, or of blocks one for each tap of a column."""
    forms = [BLOCK_FORMATS[name] for name in bits.blocks if name]
    return accumulator_bytes(array, bits) * (taps_of(array, forms[0], forms[1]) if forms else 1)


def _held(array: AntArray, form: BlockFormat) -> Range:
    """Return the range of what stays in a PE: of two nibbles, of either."""
    return operand(form.element) if array.pe_bits == NIBBLE else values_of(form.element)


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

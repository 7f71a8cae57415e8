"""Sums of the array, whole tiles at a time: exact products, and what registers of some bits make of them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig, Overflow
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.types import Doubles, Integers

EXACT = 1 << 53  # float64 has every whole number up to it

Sum = TypeVar("Sum", int, Integers)


def wrap(value: Sum, width: int) -> Sum:
    """Return what a signed register of `width` bits makes of a value that it may not hold."""
    half = 1 << (width - 1)
    return ((value + half) & ((1 << width) - 1)) - half


def matrix_product(left: Integers, right: Integers) -> Integers:
    """Return ``left @ right`` exactly; where float64 holds all sums, computed in it, which is much faster."""
    largest = int(np.abs(left).max(initial=0)) * int(np.abs(right).max(initial=0))
    if largest * left.shape[-1] >= EXACT:
        whole: Integers = left @ right
        return whole
    product: Doubles = left.astype(np.float64) @ right.astype(np.float64)
    return product.astype(np.int64)


def joined(upper: Integers, lower: Integers) -> Integers:
    """Return the sums of whole integers, from those of their nibbles."""
    return (upper << NIBBLE) + lower


def joined_columns(psums: Integers) -> Integers:
    """Return psums [..., C] of weights of two nibbles: in even columns whole sums, in odd ones 0."""
    out = np.zeros_like(psums)
    out[..., 0::2] = joined(psums[..., 0::2], psums[..., 1::2])
    return out


def added(old: Integers, new: Integers, config: AntConfig) -> tuple[Integers, int]:
    """Return ``old + new`` as an accumulator at the foot holds it, and how many sums saturated."""
    width, exact = config.array.foot_width, old + new
    if config.array.overflow is Overflow.REFUSE:
        return wrap(exact, width), 0
    total = np.clip(exact, -(1 << (width - 1)), (1 << (width - 1)) - 1)
    return total, int((total != exact).sum())


def output_words(command: GemmCommand, config: AntConfig) -> int:
    """Return the words that a tile has at the foot, whether they leave or stay."""
    if config.array.stationary:
        return command.words
    form = config.array.code_formats[command.activation_format]
    return command.rows // config.array.operands_of(form)

"""A matrix product through the array's arithmetic: codes and scales in, exact sums and numbers out.

Obeys: `sim.ant.array`, whose sums these are, whatever its tiles: joined sums of nibbles are those of the
whole integers, and parts of K meet at the foot. Only where a foot might saturate do the parts matter; there
they are those of the largest tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.ant.sums import added, matrix_product
from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow, Overflow
from tandemsim.sim.arch.ant.operands import format_number
from tandemsim.sim.arch.ant.widths import product, values_of
from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Doubles, Integers


class Coded(NamedTuple):
    """A quantized operand: what it stands for is the value of each code times a scale."""

    codes: npt.NDArray[np.integer]  # [M, K] or [K, N]
    form: CodeFormat
    scale: npt.ArrayLike = 1.0  # of the tensor, or one for each row of activations or column of weights


class GemmValues(NamedTuple):
    """What the array makes of a product."""

    sums: Integers  # [M, N] at the foot
    output: Doubles  # [M, N] times the scales
    saturations: int  # steps of sums that took the bound of an accumulator


def run_gemm(config: AntConfig, activations: Coded, weights: Coded, name: str = "a product") -> GemmValues:
    """Return a product; `name` is what a refusal calls it.

    Raises `ConfigError` for a format that the array does not have, for codes that are not numbers, and,
    unless sums may saturate, for a K whose sums may exceed the accumulators at the foot.
    """
    array = config.array
    left, right = decoded(array, activations, name), decoded(array, weights, name)
    length = left.shape[1]
    limit = longest(array, activations.form, weights.form)
    sums, saturations = np.zeros((len(left), right.shape[1]), np.int64), 0
    if length <= limit:
        sums = matrix_product(left, right)
    elif array.overflow is Overflow.REFUSE:
        raise ConfigError(
            f"{name}: K must be at most {limit} for sums of {activations.form.name} and {weights.form.name}"
            f" in {array.foot_width} bits, not {length}"
        )
    else:
        for part in parts_of_k(array, activations.form, weights.form, length):
            sums, count = added(sums, matrix_product(left[:, part], right[part]), config)
            saturations += count
    across = np.asarray(activations.scale, np.float64), np.asarray(weights.scale, np.float64)
    return GemmValues(
        sums, sums * (across[0][..., None] if across[0].ndim else across[0]) * across[1], saturations
    )


def decoded(array: AntArray, operand: Coded, name: str) -> Integers:
    """Return the values of an operand as the array's decoders know them."""
    form, codes = operand.form, np.asarray(operand.codes, np.int64)
    format_number(array, form.name)
    outside = codes[(codes < 0) | (codes >= len(form.base))]
    rule = f"{name}: codes of {form.name} must lie in 0..{len(form.base) - 1}"
    require(not outside.size, rule, int(outside[0]) if outside.size else "")
    values: Integers = (form.base << form.shift)[codes]
    return values


def longest(array: AntArray, activation: CodeFormat, weight: CodeFormat) -> int:
    """Return the largest K whose sums no accumulator at the foot can exceed."""
    return product(values_of(activation), values_of(weight)).terms(array.foot_width)


def parts_of_k(array: AntArray, activation: CodeFormat, weight: CodeFormat, length: int) -> list[slice]:
    """Return the parts of K that the PEs sum up before the foot does, in their order.

    Weight stationary as many elements as there are rows for; output stationary parts of equal length, within
    one, since a short last one would cost as many cycles as the tile has rows.
    """
    swapped = array.dataflow is Dataflow.INPUT_STATIONARY
    left, above = (weight, activation) if swapped else (activation, weight)
    most = array.max_fold(left, above)
    if array.stationary:
        rows = min(most, array.rows // array.operands_of(left))
        return [slice(start, min(start + rows, length)) for start in range(0, length, rows)]
    count = -(-length // most)
    return [slice(part * length // count, (part + 1) * length // count) for part in range(count)]

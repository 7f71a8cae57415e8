"""Which number formats an operand of the array may have, and how long the sums in the PEs may be for these.

What counts is the worst case: a PE's sum never overflows, whatever format is chosen and whatever the data.
"""

from __future__ import annotations

import functools
from itertools import product

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.arch.ant.config import AntArray, Dataflow
from tandemsim.sim.arch.ant.widths import with_sign
from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, code_format

Forms = tuple[CodeFormat, ...]


def formats_of(array: AntArray, bits: int, stated: str = "") -> Forms:
    """Return the formats that an operand may have: the one that its tensor states, or all of its width.

    They are those that the decoders know, as many operands of a PE as an integer is; without any, integers.
    Raises `ConfigError` for an integer that is wider than what the PEs join.
    """
    if stated:
        return (code_format(stated),)
    each = array.operands(bits)
    known = tuple(
        form for form in array.code_formats if form.bits == bits and array.operands_of(form) == each
    )
    return known or (FORMATS[f"int{bits}"], FORMATS[f"int{bits}u"])


def pair_of(array: AntArray, bits: Bits) -> tuple[Forms, Forms]:
    """Return the formats of an activation and of a weight; a weight that states none has a sign."""
    left, above = (*bits.stated, "", "")[:2]
    return formats_of(array, bits.activation, left), with_sign(formats_of(array, bits.weight, above))


@functools.cache
def fold_of(array: AntArray, activations: Forms, weights: Forms) -> int:
    """Return how many elements of K the PEs sum up at most before the foot does, for every pair of formats.

    Weight and input stationary, a column sums up as many as it has rows for. Raises `ConfigError` where
    `accumulator_width` does not hold these, or, output stationary, not even one.
    """
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        activations, weights = weights, activations
    needed, sums = array.widest_sum(activations, weights)
    rule = f"array.accumulator_width must be at least {needed} for {sums}"
    require(
        array.accumulator_width >= needed,
        f"{rule} in a column" if array.stationary else rule,
        array.accumulator_width,
    )
    if array.stationary:
        return array.tile_rows(min(array.operands_of(form) for form in activations))
    return min(array.max_fold(left, above) for left, above in product(activations, weights))

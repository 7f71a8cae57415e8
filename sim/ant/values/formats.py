"""What operands become on their way into the array: the format with the least error, and codes and scales.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286), section 4, by `sim.quantize`: a type for each tensor, a scale for
each output channel of a weight and for each other tensor; without a sign where no value is negative.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.ant.functional import Coded
from tandemsim.sim.ant.operand_formats import formats_of
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.quantize.candidates import ORDER
from tandemsim.sim.quantize.choice import best_of, is_signed

AT_ONCE = 1 << 20  # elements that are encoded together


def formats_for(array: AntArray, bits: int, signed: bool, stated: str = "") -> list[CodeFormat]:
    """Return the formats that an operand may have and the array has, in the order in which they are tried.

    Signed ones alone where values have signs; else those without a sign, if there are any. One that the trace
    `stated` is the only one. Raises `ConfigError` where none is left.
    """
    known = [form for form in formats_of(array, bits, stated) if form.name in array.formats]
    fitting = [form for form in known if form.signed == signed] or [form for form in known if form.signed]
    fitting = known if stated else fitting
    if not fitting:
        wanted = stated or f"a {'signed ' if signed else ''}format of {bits} bits"
        raise ConfigError(f"array.formats must have {wanted}, not {', '.join(array.formats)}")
    return sorted(fitting, key=lambda form: ORDER.index(form.kind))


def coded(
    array: AntArray,
    values: Doubles,
    bits: int,
    stated: str = "",
    *,
    signed: bool = False,
    channels: bool = False,
) -> Coded:
    """Quantize a tensor, in its shape, with one scale [1].

    With `channels`, as of a weight, its first dimension has a scale for each index, and its format a sign; so
    it has with `signed`, whatever its values. One that is `stated` is taken: without a sign, what is below 0
    becomes 0.
    """
    rows = values.reshape(len(values) if channels else 1, -1)
    forms = formats_for(array, bits, signed or channels or is_signed(values), stated)
    choice = best_of(rows, forms)
    codes, scale = np.empty(rows.shape, np.uint8), choice.scales.scale[:, None]
    step = max(1, AT_ONCE // rows.shape[1])
    for first in range(0, len(rows), step):
        some = slice(first, first + step)
        codes[some] = choice.form.encode(rows[some] / scale[some])
    return Coded(codes.reshape(values.shape), choice.form, choice.scales.scale)


def coded_rows(array: AntArray, values: Doubles, bits: int) -> Coded:
    """Quantize weights of a softmax [rows, keys], each row with its largest as the largest value."""
    form = formats_for(array, bits, signed=False)[0]
    peaks = values.max(axis=-1, initial=0.0)
    scale = np.where(peaks > 0, peaks / form.largest, 1.0)
    return Coded(form.encode(values / scale[:, None]), form, scale)


def decoded(operand: Coded) -> Doubles:
    """Return the numbers that codes of `coded` stand for; scales are those of the first dimension."""
    scale = np.asarray(operand.scale, np.float64)
    values: Doubles = operand.form.decode(operand.codes)
    return values * (scale.reshape(-1, *[1] * (values.ndim - 1)))

"""The operands of a product or an attention: their widths, and the formats that they may have.

What a tensor states is taken for it alone, in cycles, bytes and values; a statement that contradicts itself
is refused whatever the run's widths are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from tandemsim.sim.ant.block_sums import check_blocks
from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.operand_formats import fold_of, formats_of, pair_of
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import NIBBLE, pe_class, product_shift, with_sign
from tandemsim.sim.arch.blocks import BlockFormat
from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.codes import CodeFormat, Kind
from tandemsim.sim.machines.ant.stated import known_format, name_of, stated_format
from tandemsim.traces.schema import Tensor

Sides = tuple[Tensor, Tensor]  # an activation and a weight


def of_width(array: AntArray, sides: Sides, bits: int) -> Bits:
    """Return the operands of a product of so many bits each."""
    each = array.operands(bits)
    return _summed(array, Bits(bits, bits, (each, each), stated=_taken(array, sides, bits)))


def in_blocks(array: AntArray, sides: Sides, form: BlockFormat) -> Bits:
    """Return the operands of a product in blocks."""
    for side in sides:
        known_format(side)  # or it contradicts itself
    return _in_blocks(array, form, form)


def as_stated(array: AntArray, sides: Sides, rest: int) -> Bits:
    """Return the operands of a product as they state them; one that states nothing has `rest` bits."""
    left, above = (stated_format(side) for side in sides)
    if isinstance(left, BlockFormat) and isinstance(above, BlockFormat):
        return _in_blocks(array, left, above)
    if isinstance(left, BlockFormat) or isinstance(above, BlockFormat):
        names = " and ".join(form.name if form else f"{rest} bits" for form in (left, above))
        raise ConfigError(
            f"both operands must be in blocks where one is, not {names}; --bits {rest} runs it without"
        )
    activation, weight = (form.bits if form else rest for form in (left, above))
    one, other = (
        _operands_of(array, side, form) if form else array.operands(rest)
        for side, form in zip(sides, (left, above), strict=True)
    )
    stated = left.name if left else "", above.name if above else ""
    return _summed(array, Bits(activation, weight, (one, other), stated=stated))


def of_attention(array: AntArray, tensors: Sequence[Tensor]) -> Bits:
    """Return the operands of an attention; `tensors`: queries, keys, values, and those of global tokens."""
    bits, each = array.widest, array.operands(array.widest)
    stated = _taken(array, tensors, bits)
    weights = formats_of(array, bits)  # of the softmax
    above = {form for name in stated for form in with_sign(formats_of(array, bits, name))}
    fold = fold_of(array, weights, tuple(sorted(above, key=lambda form: form.name)))
    return Bits(bits, bits, (each, each), fold=fold, stated=stated)


def _summed(array: AntArray, bits: Bits) -> Bits:
    """Return the operands of a product with what the PEs sum up, which `ConfigError` says is too little."""
    left, above = pair_of(array, bits)
    if array.pe_bits == NIBBLE:
        most = pe_class(array.code_formats).largest_shift
        one, other = max(product(left, above), key=lambda pair: product_shift(*pair))
        rule = f"products of {one.name} and {other.name} must shift by at most {most} in the array's PEs"
        require(product_shift(one, other) <= most, rule, product_shift(one, other))
    return replace(bits, fold=fold_of(array, left, above))


def _taken(array: AntArray, tensors: Sequence[Tensor], bits: int) -> tuple[str, ...]:
    """Return the formats that tensors state, where these have the width of the run and the array has them."""
    found = [known_format(tensor) for tensor in tensors]
    each = array.operands(bits)
    return tuple(
        form.name
        if isinstance(form, CodeFormat)
        and form.bits == bits
        and form.name in array.formats
        and array.operands_of(form) == each
        else ""
        for form in found
    )


def _in_blocks(array: AntArray, activation: BlockFormat, weight: BlockFormat) -> Bits:
    """Return the widths of operands in blocks. Raises `ConfigError` where the array has no taps for them."""
    elements = activation.element, weight.element
    operands = _operands(array, elements[0]), _operands(array, elements[1])
    check_blocks(array, activation, weight)
    return Bits(elements[0].bits, elements[1].bits, operands, (activation.name, weight.name))


def _operands_of(array: AntArray, tensor: Tensor, form: CodeFormat) -> int:
    try:
        return _operands(array, form)
    except ConfigError as error:
        raise ConfigError(f"{name_of(tensor)}: {error}") from None


def _operands(array: AntArray, form: CodeFormat) -> int:
    """Return how many operands of a PE an element is; the decoders must know what is not an integer."""
    if form.kind is Kind.INT:
        return array.operands(form.bits)
    if array.pe_bits != NIBBLE:
        raise ConfigError(f"PEs of {array.pe_bits} bits must have integers, not {form.name}")
    if form.name not in array.formats:
        pe_class((*array.code_formats, form))  # or no array can name it
        raise ConfigError(
            f"array.formats must name {form.name}, which an operand has, beside {', '.join(array.formats)}"
        )
    return array.operands_of(form)

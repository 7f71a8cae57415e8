"""How wide products and sums get, and how many products an accumulator holds, from the tables of the formats.

A bound is the worst case over all pairs of codes: an accumulator of that width overflows for no data. An
integer of 8 bits is two nibbles, the lower one unsigned; their products meet at the foot of the array.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind

NIBBLE = 4  # bits of an operand that a PE multiplies
BASE_BITS = 5  # of a decoded operand, two's complement


class PEClass(enum.Enum):
    """What a PE can shift: bits of an operand's shift, and the largest shift of a product."""

    A = (3, 12)
    B = (4, 20)

    @property
    def shift_bits(self) -> int:
        """Bits of the shift of one operand."""
        return self.value[0]

    @property
    def largest_shift(self) -> int:
        """The largest sum of two shifts."""
        return self.value[1]


class Range(NamedTuple):
    """The least and the greatest of some whole numbers."""

    least: int
    greatest: int

    @property
    def bits(self) -> int:
        """Bits of a signed register that holds both."""
        return 1 + max((-self.least - 1).bit_length(), self.greatest.bit_length())

    def terms(self, width: int) -> int:
        """Return how many of these a signed register of `width` bits holds the sum of, whatever they are."""
        room = []
        if self.greatest > 0:
            room.append(((1 << (width - 1)) - 1) // self.greatest)
        if self.least < 0:
            room.append((1 << (width - 1)) // -self.least)
        return min(room)


def values_of(form: CodeFormat) -> Range:
    """Return the range of a format's values."""
    finite = form.finite
    least = min(
        int(b) << int(s) for b, s in zip(form.base[finite], form.shift[finite], strict=True) if b <= 0
    )
    greatest = max(
        int(b) << int(s) for b, s in zip(form.base[finite], form.shift[finite], strict=True) if b >= 0
    )
    return Range(least, greatest)


def product(one: Range, other: Range) -> Range:
    """Return the range of the products of two ranges."""
    corners = [a * b for a in one for b in other]
    return Range(min(corners), max(corners))


def nibbles(form: CodeFormat) -> int:
    """Return how many 4-bit operands a code of the format is: 1, or 2 of an integer of more bits.

    Raises `ConfigError` for a format that fits neither way.
    """
    if fits_base(form):
        return 1
    if form.kind is Kind.INT and form.bits <= 2 * NIBBLE:
        return 2
    raise ConfigError(
        f"{form.name} does not fit a PE: a base of {BASE_BITS} bits, or an integer of two nibbles"
    )


def fits_base(form: CodeFormat) -> bool:
    """Whether every decoded base fits the multiplier."""
    half = 1 << (BASE_BITS - 1)
    return bool((form.base[form.finite] >= -half).all() and (form.base[form.finite] < half).all())


def operand(form: CodeFormat) -> Range:
    """Return the range of what a PE multiplies: the values of a format, or of the nibbles of an integer."""
    if nibbles(form) == 1:
        return values_of(form)
    high = values_of(FORMATS["int4" if form.signed else "int4u"])
    low = values_of(FORMATS["int4u"])
    return Range(min(high.least, low.least), max(high.greatest, low.greatest))


def pe_class(forms: tuple[CodeFormat, ...]) -> PEClass:
    """Return the smallest class of PE that runs a set of formats: every pair of them, weights being signed.

    Raises `ConfigError` where none does.
    """
    activation = max(forms, key=_largest_shift)
    weight = max((form for form in forms if form.signed), key=_largest_shift, default=activation)
    operand_shift = _largest_shift(activation)
    most_shift = product_shift(activation, weight)
    for each in PEClass:
        if operand_shift < 1 << each.shift_bits and most_shift <= each.largest_shift:
            return each
    most = (1 << PEClass.B.shift_bits) - 1
    if operand_shift > most:
        raise ConfigError(f"{activation.name} shifts by up to {operand_shift}, and a PE by at most {most}")
    raise ConfigError(
        f"products of {activation.name} and {weight.name} shift by up to {most_shift},"
        f" and a PE by at most {PEClass.B.largest_shift}"
    )


def product_shift(activation: CodeFormat, weight: CodeFormat) -> int:
    """Return the largest sum of the shifts of two operands of a PE."""
    return _largest_shift(activation) + _largest_shift(weight)


def _largest_shift(form: CodeFormat) -> int:
    return int(form.shift[form.finite].max()) if nibbles(form) == 1 else 0


def pe_terms(activation: CodeFormat, weight: CodeFormat, width: int) -> int:
    """Return how many products of two formats a PE accumulates in `width` bits."""
    return product(operand(activation), operand(weight)).terms(width)


def foot_terms(activation: CodeFormat, weight: CodeFormat, width: int) -> int:
    """Return the largest K that the accumulators of the foot hold: of whole products, nibbles joined."""
    return product(values_of(activation), values_of(weight)).terms(width)


def reference_formats() -> tuple[CodeFormat, ...]:
    """Return the formats that an ANT array of class A decodes."""
    names = ("int4", "int4u", "pot4", "flint4", "flint4u", "e2m1", "int8", "int8u")
    return tuple(FORMATS[name] for name in names)


def stationary_width(forms: tuple[CodeFormat, ...], rows: int) -> int:
    """Return the psum width of a weight-stationary array of `rows` rows, each a product; weights are signed.

    An activation of two nibbles has two rows, whose products add up to that of the whole activation.
    """
    least = greatest = 0
    for activation in forms:
        for weight in forms:
            if weight.signed:
                summed = product(values_of(activation), operand(weight))
                terms = rows // nibbles(activation)
                least, greatest = min(least, terms * summed.least), max(greatest, terms * summed.greatest)
    return Range(least, greatest).bits


def with_sign(forms: tuple[CodeFormat, ...]) -> tuple[CodeFormat, ...]:
    """Return the formats with a sign, which weights have and all that comes from their side; else all."""
    return tuple(form for form in forms if form.signed) or forms


def widest_sum(
    terms: Mapping[CodeFormat, int],
    weights: Iterable[CodeFormat],
    products: Callable[[CodeFormat, CodeFormat], Range],
) -> tuple[int, str]:
    """Return the bits of a signed register that holds the worst sum of products, and which sum that is.

    `products` is the range of one of an activation and a weight, `terms` how many of an activation add up.
    """
    found = []
    for activation, weight in itertools.product(terms, weights):
        count, (least, greatest) = terms[activation], products(activation, weight)
        named = f"{count} product{'s' * (count > 1)} of {activation.name} and {weight.name}"
        found.append((Range(count * least, count * greatest).bits, named))
    return max(found)

"""`sim.arch.ant.widths`: bounds that hold by brute force over all codes, and are reached."""

import numpy as np
import pytest

from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import (
    PEClass,
    fits_base,
    foot_terms,
    nibbles,
    operand,
    pe_class,
    pe_terms,
    product,
    reference_formats,
    stationary_width,
    values_of,
)
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS

SMALL = [form for form in FORMATS.values() if fits_base(form) and form.shift.max() < 16]


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_ranges_are_those_of_all_values(form):
    values = [int(b) << int(s) for b, s in zip(form.base, form.shift, strict=True)]
    finite = [value for value, is_one in zip(values, form.finite, strict=True) if is_one]
    assert values_of(form) == (min(finite), max(finite))


def test_products_are_bounded_and_the_bound_is_reached():
    for one in SMALL:
        for other in SMALL:
            products = np.outer(one.grid, other.grid)
            bound = product(operand(one), operand(other))
            assert bound == (products.min(), products.max())
            least = -(1 << (bound.bits - 1))
            assert least <= bound.least and bound.greatest < -least
            assert bound.least < least // 2 or bound.greatest >= -least // 2  # one bit less does not do


@pytest.mark.parametrize("width", [16, 20, 24])
def test_an_accumulator_holds_as_many_products_and_no_more(width):
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    for one in SMALL:
        for other in SMALL:
            bound, terms = product(operand(one), operand(other)), pe_terms(one, other, width)
            assert terms * bound.greatest <= high and terms * bound.least >= low
            assert (terms + 1) * bound.greatest > high or (terms + 1) * bound.least < low


@pytest.mark.parametrize(
    ("activation", "weight", "terms"),
    [
        # by hand: -120 per product in 16 bits; 256; 1024; 4096; 225 of two low nibbles
        ("int4u", "int4", 32768 // 120),
        ("flint4", "flint4", 32767 // 256),
        ("flint4u", "flint4", 32767 // 1024),
        ("pot4", "pot4", 32767 // 4096),
        ("int8u", "int8", 32767 // 225),
    ],
)
def test_terms_by_hand(activation, weight, terms):
    assert pe_terms(FORMATS[activation], FORMATS[weight], 16) == terms


def test_the_foot_holds_whole_products():
    assert foot_terms(FORMATS["int8u"], FORMATS["int8"], 32) == 2**31 // (255 * 128)


def test_nibbles_make_up_every_integer():
    for name in ("int6", "int8", "int8u", "int6u"):
        form = FORMATS[name]
        for code in range(1 << form.bits):
            wide = int(form.value[code])
            low, high = wide & 15, wide >> 4
            bound = operand(form)
            assert high * 16 + low == wide
            assert bound.least <= high <= bound.greatest and bound.least <= low <= bound.greatest


@pytest.mark.parametrize("rows", [8, 32, 64, 128])
def test_psums_of_a_column_fit(rows):
    """The worst column, for every pair of formats: all rows at an extreme of their products."""
    forms = reference_formats()
    width = stationary_width(forms, rows)
    worst = []
    for activation in forms:
        for weight in (form for form in forms if form.signed):
            lows, highs = (
                (
                    [int(b) << int(s) for b, s in zip(weight.base, weight.shift, strict=True)]
                    if nibbles(weight) == 1
                    else [-8, 0, 15]
                ),
                values_of(activation),
            )
            worst += [a * w * (rows // nibbles(activation)) for a in highs for w in lows]
    assert -(1 << (width - 1)) <= min(worst) and max(worst) < 1 << (width - 1)
    assert min(worst) < -(1 << (width - 2)) or max(worst) >= 1 << (width - 2)


def test_classes():
    assert pe_class(reference_formats()) is PEClass.A
    for name in ("pot4u", "flint5u", "flint6", "e3m2"):
        expected = PEClass.B if FORMATS[name].shift.max() > 7 else PEClass.A
        assert pe_class((FORMATS["int4"], FORMATS[name])) is expected
    with pytest.raises(ConfigError, match="e5m2 shifts by up to 29, and a PE by at most 15"):
        pe_class((FORMATS["int4"], FORMATS["e5m2"]))


def test_the_class_of_a_pe_is_that_of_its_products():
    """By brute force: the largest sum of two shifts that a pair of codes has."""
    names = ("int4", "int8u", "pot4", "pot4u", "flint4u", "flint6", "e2m3", "e3m2", "e4m2", "e4m3")
    for one in names:
        for other in names:
            pair = (FORMATS[one], FORMATS[other])
            shifts = [0 if nibbles(form) == 2 else int(form.shift[form.finite].max()) for form in pair]
            signed = [shift for shift, form in zip(shifts, pair, strict=True) if form.signed]
            largest = max(shifts) + max(signed, default=max(shifts))
            if max(shifts) > 15 or largest > 20:
                with pytest.raises(ConfigError, match=f"shift by up to {largest}, and a PE by at most 20"):
                    pe_class(pair)
            else:
                assert pe_class(pair) is (PEClass.A if max(shifts) <= 7 and largest <= 12 else PEClass.B)


def test_products_that_no_pe_shifts_are_refused_by_their_formats():
    message = "^products of e4m3 and e4m3 shift by up to 28, and a PE by at most 20$"
    with pytest.raises(ConfigError, match=message):
        AntArray(formats=("int4", "e4m3"), accumulator_width=48)
    assert pe_class((FORMATS["pot4u"], FORMATS["pot4"])) is PEClass.B  # 14 and 6; activations alone have 14


def test_formats_that_no_pe_multiplies():
    with pytest.raises(
        ConfigError, match="flint8 does not fit a PE: a base of 5 bits, or an integer of two nib"
    ):
        nibbles(FORMATS["flint8"])

"""Shifts that follow from the formats, which model and circuit share, against what raw values stand for."""

from fractions import Fraction

import pytest

from tandemsim.sim.arch.salo.constants import array_constants
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation

NAMED = pytest.mark.parametrize("numerics", NUMERICS.values(), ids=NUMERICS)
BOTH = pytest.mark.parametrize("normalisation", Normalisation)


def real(raw, fraction):
    """Return the number that a raw value of so many fraction bits stands for."""
    return Fraction(raw) / Fraction(2) ** fraction


@NAMED
@BOTH
def test_a_product_of_one_and_one_is_one_in_a_partial_sum(numerics, normalisation):
    constants = array_constants(numerics, normalisation, 64)
    product = numerics.weight.scale * numerics.input.scale
    assert real(product, constants.product_drop) == numerics.sums(normalisation).psum.scale


@NAMED
@pytest.mark.parametrize("head_dim", [1, 2, 16, 64, 100, 1024])
def test_a_score_is_divided_by_the_power_of_two_in_the_root_of_the_head(numerics, head_dim):
    constants = array_constants(numerics, Normalisation.DEFERRED, head_dim)
    root = head_dim**0.5
    exponent = real(12345, constants.score_drop + constants.exp_fraction)
    ratio = real(12345, numerics.score.fraction) / exponent
    assert ratio / 2 < root <= ratio  # the query takes up what is left
    assert ratio.denominator == 1 and ratio.numerator.bit_count() == 1


@NAMED
@pytest.mark.parametrize("total", [Fraction(1), Fraction(3, 2), Fraction(7), Fraction(129, 4)])
def test_a_mantissa_over_a_row_sum_is_its_share_as_a_weight(numerics, total):
    constants = array_constants(numerics, Normalisation.PER_PASS, 64)
    inverse, exponent = numerics.reciprocal.reciprocal(int(total * 2**constants.sum_fraction))
    one = 1 << constants.exp_fraction
    weight = real(one * inverse, constants.probability_drop + exponent)
    assert real(weight, constants.weight_fraction) == pytest.approx(1 / total, rel=1e-4)

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.formats import Fixed, shift_half_even, shift_half_up

RAW = st.integers(-(2**40), 2**40)


@pytest.mark.parametrize(
    ("fixed", "low", "high"), [(Fixed(9, 4), -16.0, 15.9375), (Fixed(18, 8), -512.0, 511.99609375)]
)
def test_range_is_twos_complement(fixed: Fixed, low: float, high: float) -> None:
    assert (fixed.dequantize(fixed.minimum), fixed.dequantize(fixed.maximum)) == (low, high)
    assert 2**fixed.integer_bits == -low


def test_quantize_rounds_ties_to_even_and_counts_what_saturates() -> None:
    raw, saturated = Fixed(9, 4).quantize([0.03125, 0.09375, -0.03125, 15.96, 15.97, -16.0, -16.04, 100.0])
    assert raw.tolist() == [0, 2, 0, 255, 255, -256, -256, 255]
    assert saturated == 3  # 15.97 and -16.04 round past the bound, 100 lies beyond


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="only finite values can be quantized"):
        Fixed(9, 4).quantize([1.0, math.nan])


def test_all_raw_values_survive_a_round_trip() -> None:
    fixed = Fixed(11, 6)
    raw = np.arange(fixed.minimum, fixed.maximum + 1)
    assert (fixed.quantize(fixed.dequantize(raw))[0] == raw).all()


@given(RAW, st.integers(-4, 45))
def test_half_up_is_the_floor_of_the_value_plus_a_half(raw: int, shift: int) -> None:
    expected = math.floor(raw * Fraction(2) ** -shift + Fraction(1, 2)) if shift > 0 else raw * 2**-shift
    assert int(shift_half_up(raw, shift)) == expected


@given(RAW, st.integers(-4, 45))
def test_half_even_is_pythons_round(raw: int, shift: int) -> None:
    assert int(shift_half_even(raw, shift)) == round(raw * Fraction(2) ** -shift)


def test_a_width_without_room_for_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^Fixed.width must be an integer >= 2, not 1$"):
        Fixed(1, 0)
    with pytest.raises(ConfigError, match=r"^Fixed.width must be at most 62, not 63$"):
        Fixed(63, 8)

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.reciprocal import ReciprocalConfig

CONFIG = ReciprocalConfig()


def relative_error(value: int) -> float:
    mantissa, exponent = CONFIG.reciprocal(value)
    one = 1 << (CONFIG.fraction + exponent)
    return (mantissa * value - one) / one


def test_table_is_the_rounded_reciprocal_of_the_ends() -> None:
    ends = 1 + np.arange(129) / 128
    assert (CONFIG.table == np.floor(2**18 / ends + 0.5)).all()


def test_every_operand_of_nineteen_bits_is_within_the_bound() -> None:
    # The last octave has every normalized operand: any lower value is one of these over a power of two.
    worst = max(abs(relative_error(value)) for value in range(1 << 18, 1 << 19))
    assert worst <= 2.2e-5


@pytest.mark.parametrize("value", [(1 << 19) - 1, (1 << 22) - 1, (1 << 30) + 12345, (3 << 27) - 1])
def test_wider_operands_are_truncated_to_the_same_bound(value: int) -> None:
    assert abs(relative_error(value)) <= 2.6e-5


def test_powers_of_two_are_exact() -> None:
    assert all(relative_error(1 << power) == 0 for power in range(40))


def test_nothing_is_lost_as_in_the_published_divider() -> None:
    # The artifact answers 0 for every row sum of 17/256 and more.
    assert CONFIG.reciprocal(0) == (0, 0)
    assert all(CONFIG.reciprocal(value)[0] >= 1 << 17 for value in range(1, 1 << 12))


def test_formats_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="segments must be a power of two up to 1024, not 100"):
        ReciprocalConfig(segments=100)
    with pytest.raises(ConfigError, match="fraction must be 8 to 20, not 7"):
        ReciprocalConfig(fraction=7)

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.exp2 import PUBLISHED_EXP, WIDE_EXP, ExpConfig


@pytest.mark.parametrize(("config", "bound"), [(PUBLISHED_EXP, 0.015), (WIDE_EXP, 0.0035)])
def test_mantissas_follow_the_power_of_two(config: ExpConfig, bound: float) -> None:
    x = np.arange(256) / 256
    error = config.mantissas / 256 / np.exp2(x) - 1
    assert np.abs(error).max() <= bound


def test_a_finer_table_is_closer() -> None:
    fine = ExpConfig(
        fraction_bits=12, slope_fraction=8, slopes=(193, 230, 274, 325), intercepts=(4090, 3942, 3589, 2977)
    )
    x = np.arange(4096) / 4096
    assert np.abs(fine.mantissas / 4096 / np.exp2(x) - 1).max() <= 0.0022


def test_segments_meet_as_the_published_table_does() -> None:
    # Worked by hand from the artifact's sixteenths and 256ths, at both ends of each segment.
    ends = [0, 63, 64, 127, 128, 191, 192, 255]
    assert [PUBLISHED_EXP.mantissa(x) for x in ends] == [255, 302, 302, 357, 361, 427, 425, 503]


def test_exponents_are_signed() -> None:
    assert (PUBLISHED_EXP.exponent_minimum, PUBLISHED_EXP.exponent_maximum) == (-16, 15)
    assert (WIDE_EXP.exponent_minimum, WIDE_EXP.exponent_maximum) == (-64, 63)


def test_a_table_that_is_no_mantissa_is_refused() -> None:
    with pytest.raises(ConfigError, match="ExpConfig's mantissas must lie in 1..511"):
        ExpConfig(intercepts=(255, 246, 225, 200))
    with pytest.raises(ConfigError, match=r"intercepts must hold one entry a segment \(4\)"):
        ExpConfig(intercepts=(255, 246, 225))
    with pytest.raises(ConfigError, match="slopes must hold 1, 2, 4, 8 or 16 segments"):
        ExpConfig(slopes=(12, 14, 17), intercepts=(255, 246, 225))

import math
from collections.abc import Mapping

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.constants import array_constants
from tandemsim.sim.arch.salo.numerics import (
    NUMERICS,
    PUBLISHED,
    WIDE,
    Normalisation,
    SaloNumerics,
    query_factor,
    score_shift,
)
from tandemsim.sim.arch.settings import with_settings

BOTH = pytest.mark.parametrize("normalisation", list(Normalisation))


@BOTH
@pytest.mark.parametrize("name", NUMERICS)
def test_presets_fit_the_published_array(name: str, normalisation: Normalisation) -> None:
    NUMERICS[name].check_head(64, 33, normalisation)


@pytest.mark.parametrize(
    ("head_dim", "shift"), [(1, 0), (4, 1), (16, 2), (32, 3), (64, 3), (65, 4), (256, 4)]
)
def test_score_shift_is_the_next_power_of_two_of_the_root(head_dim: int, shift: int) -> None:
    assert score_shift(head_dim) == shift


@pytest.mark.parametrize("head_dim", [1, 8, 48, 64])
def test_query_factor_and_shift_make_the_base_e_softmax(head_dim: int) -> None:
    exponent = query_factor(head_dim, 64) / 2 ** score_shift(64)
    assert 2**exponent == pytest.approx(math.exp(1 / math.sqrt(head_dim)))


def test_storage_narrows_the_input() -> None:
    assert (PUBLISHED.stored.width, PUBLISHED.stored.fraction) == (8, 4)
    assert WIDE.stored == WIDE.input


def test_a_score_reads_in_log2_units() -> None:
    constants = array_constants(PUBLISHED, Normalisation.DEFERRED, 64)
    raw = 5 << (8 + 3)  # a score of 5 * sqrt(64), 8 fraction bits
    assert raw >> constants.score_drop >> constants.exp_fraction == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score.fraction": 9}, "score.fraction must be twice input.fraction (8), not 9"),
        ({"weight.width": 8}, "weight.width must be at least 9: the highest mantissa, not 8"),
        ({"row_sum.fraction": 6}, "row_sum.fraction must be at least weight.fraction (7), not 6"),
        ({"merge_exponent_width": 5}, "merge_exponent_width must exceed exp.exponent_width (5), not 5"),
        ({"input.width": 23}, "input.width must be at most 16, not 23"),
        (
            {"deferred.merge.fraction": 8},
            "deferred.merge.fraction must equal deferred.psum.fraction (11), not 8",
        ),
        (
            {"deferred.merge.width": 23},
            "deferred.merge.width must be at least 24 for renormalise_at=8, not 23",
        ),
        (
            {"renormalise_at": 9},
            "deferred.merge.width must be at least 25 for renormalise_at=9, not 24;"
            " deferred.global_merge.width must be at least 25 for renormalise_at=9, not 24",
        ),
        ({"per_pass.psum.width": 32}, "per_pass.psum.width must be at most 31, not 32"),
    ],
)
def test_formats_that_contradict_one_another_are_refused(
    settings: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        with_settings(PUBLISHED, settings)
    assert str(error.value) == message


def changed(**settings: object) -> SaloNumerics:
    return with_settings(PUBLISHED, {key.replace("__", "."): value for key, value in settings.items()})


def test_an_accumulator_too_narrow_for_the_head_is_refused() -> None:
    PUBLISHED.check_head(1024, 33, Normalisation.DEFERRED)
    # 3 bits of shift, 4 of the exponent, a sign and 8 of fraction
    with pytest.raises(ConfigError, match="score.width must be at least 16 for heads of 64 .*, not 15"):
        changed(score__width=15).check_head(64, 33, Normalisation.DEFERRED)


def test_sums_too_narrow_for_the_row_are_refused() -> None:
    with pytest.raises(ConfigError, match="row_sum.width must be at least 19 .* 33 PEs .*, not 18"):
        changed(row_sum__width=18).check_head(64, 33, Normalisation.PER_PASS)
    narrow = changed(deferred__psum__width=22)
    narrow.check_head(64, 33, Normalisation.PER_PASS)
    with pytest.raises(ConfigError, match="deferred.psum.width must be at least 23 .*, not 22"):
        narrow.check_head(64, 33, Normalisation.DEFERRED)
    with pytest.raises(ConfigError, match="row_sum.width must be at least 20 .* 66 PEs .*, not 19"):
        PUBLISHED.check_head(64, 66, Normalisation.DEFERRED)

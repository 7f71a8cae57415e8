"""Random values: within their bounds, spread as promised, and the same for the same seed."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.sweep.draws import draw_of, fraction

FRACTIONS = st.floats(0, 1, exclude_max=True)
SAMPLES = 4000


def drawn(given_: Any, samples: int = SAMPLES) -> list[Any]:
    draw = draw_of("key", given_)
    return [draw.at(fraction(1, sample, "key")) for sample in range(samples)]


@given(st.integers(-9, 9), st.integers(0, 30), st.integers(1, 7), FRACTIONS)
def test_a_step_is_taken_a_whole_number_of_times(low: int, span: int, step: int, where: float) -> None:
    value = draw_of("key", {"low": low, "high": low + span, "step": step}).at(where)
    assert isinstance(value, int) and low <= value <= low + span and (value - low) % step == 0


@given(st.integers(1, 50), st.integers(0, 1000), FRACTIONS)
def test_a_logarithmic_draw_stays_within_its_bounds(low: int, span: int, where: float) -> None:
    value = draw_of("key", {"low": low, "high": low + span, "log": True}).at(where)
    assert isinstance(value, int) and low <= value <= low + span


def test_every_integer_is_as_likely_and_both_ends_are_in() -> None:
    counts = Counter(drawn({"low": 3, "high": 7}))
    assert sorted(counts) == [3, 4, 5, 6, 7]
    expected = SAMPLES / 5
    assert all(abs(count - expected) < 5 * math.sqrt(expected) for count in counts.values())


def test_every_doubling_is_as_likely_with_log() -> None:
    values = drawn({"low": 1.0, "high": 16.0, "log": True})
    counts = Counter(int(math.log2(value)) for value in values)
    assert all(abs(counts[power] - SAMPLES / 4) < 5 * math.sqrt(SAMPLES / 4) for power in range(4))


def test_a_logarithmic_draw_is_the_power_and_needs_none_of_the_c_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # echo 'scale=40; 3 * e(l(7 / 3) * 0.299999999999999988897769753748434595763683319091796875)' | bc -l
    assert draw_of("key", {"low": 3.0, "high": 7.0, "log": True}).at(0.3) == 3.8682478275783578020202444
    assert draw_of("key", {"low": 1, "high": 1023, "log": True}).at(0.5) == 32

    class Unsure(float):
        """A fraction whose powers are off by one in the last place, as another C library's may be."""

        def __rpow__(self, base: float) -> float:
            return math.nextafter(base ** float(self), math.inf)

    draw = draw_of("key", {"low": 1.0, "high": 9.0, "log": True})
    for place in (0.1, 0.4, 0.7):
        assert draw.at(Unsure(place)) == draw.at(place)


def test_every_choice_is_as_likely() -> None:
    counts = Counter(drawn(["a", 2, True]))
    assert set(counts) == {"a", 2, True}
    assert all(abs(count - SAMPLES / 3) < 5 * math.sqrt(SAMPLES / 3) for count in counts.values())


def test_a_draw_depends_on_its_seed_sample_and_key_alone() -> None:
    # printf 7/3/rows | sha256sum: 2f69f1642599827a...
    assert fraction(7, 3, "rows") == (0x2F69F1642599827A >> 11) / 2**53
    others = {fraction(7, 3, "rows"), fraction(8, 3, "rows"), fraction(7, 4, "rows"), fraction(7, 3, "cols")}
    assert len(others) == 4


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ([], "must have values"),
        (3, "must be a list, or a table"),
        ({"low": 1}, "must be a list, or a table"),
        ({"low": 1, "high": 2, "lg": True}, "did you mean 'log'"),
        ({"low": 3, "high": 2}, "low must be at most high"),
        ({"low": 1, "high": 2, "step": 0}, "step must be positive"),
        ({"low": 1, "high": 2, "step": 1, "log": True}, "^random.key takes step or log, not both$"),
        ({"low": 0, "high": 2, "log": True}, "must be positive with log"),
        ({"low": "1", "high": 2}, "must be a number"),
        ({"low": True, "high": 2}, "must be a number"),
        ({"low": 0, "high": float("nan")}, "must be a number"),
        ({"low": 0, "high": 1e300, "step": 1e-300}, "must be a number"),
        ({"low": 0, "high": 2**40, "step": 1e-3}, "steps"),
        ({"low": 1, "high": 2, "log": "yes"}, "true or false"),
    ],
)
def test_what_is_not_a_draw_is_refused(given_: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        draw_of("key", given_)

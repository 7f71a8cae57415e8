import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from tandemsim.sim.serving.estimates import T_975, estimate, ratio, t_975
from tandemsim.sim.serving.search import NEAR_STEP, STEP, highest

LOADS = st.floats(0.01, 1e4)


@given(border=LOADS, start=LOADS, step=st.sampled_from([1.02, NEAR_STEP, STEP]))
def test_the_border_of_a_monotone_rule_is_found_from_anywhere_within_the_tolerance(
    border: float, start: float, step: float
) -> None:
    found = highest(lambda load: load <= border, start, 1e-3, 1e6, step=step)
    assert found <= border <= found * 1.0101


@given(border=LOADS, start=LOADS, tolerance=st.sampled_from([0.001, 0.01, 0.1]))
def test_a_search_asks_as_often_as_bracket_and_bisection_need(
    border: float, start: float, tolerance: float
) -> None:
    asked: list[float] = []

    def carries(load: float) -> bool:
        asked.append(load)
        return load <= border

    highest(carries, start, 1e-3, 1e6, tolerance)
    bracket = abs(math.log(border / start)) / math.log(STEP) + 2
    bisection = math.log2(math.log(STEP) / math.log1p(tolerance)) + 1
    assert len(asked) <= bracket + bisection + 1
    assert len(set(asked)) == len(asked)


def test_where_no_load_is_carried_the_highest_is_zero() -> None:
    asked: list[float] = []
    assert highest(lambda load: bool(asked.append(load)), 1.0, 0.01, 10.0) == 0
    assert min(asked) < 0.01 <= min(asked) * STEP


@given(start=st.floats(0.1, 9.9))
def test_what_is_always_carried_is_carried_up_to_the_most_that_may_be_asked(start: float) -> None:
    asked: list[float] = []
    assert highest(lambda load: not asked.append(load), start, 0.01, 10.0) == 10.0
    assert max(asked) == 10.0


def test_on_a_rule_with_gaps_the_load_found_is_carried_and_one_a_percent_higher_is_not() -> None:
    def carries(load: float) -> bool:
        return load < 3 or 3.5 < load < 4

    found = highest(carries, 2.0, 0.01, 10.0)
    assert carries(found) and not carries(found * 1.0101)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=30))
def test_an_estimate_is_the_t_interval_of_the_logarithms(values: list[float]) -> None:
    logs = [math.log(value) for value in values]
    half = student.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean, low, high = estimate(values)
    assert mean == pytest.approx(statistics.geometric_mean(values))
    assert low == pytest.approx(mean * math.exp(-half), rel=1e-4)
    assert high == pytest.approx(mean * math.exp(half), rel=1e-4)


def test_the_quantiles_are_those_of_student() -> None:
    exact = [student.ppf(0.975, freedom) for freedom in range(1, len(T_975) + 1)]
    assert list(T_975) == pytest.approx(exact, abs=1e-4)
    assert t_975(10_000) == pytest.approx(student.ppf(0.975, 10_000), abs=1e-3)


def test_what_varies_in_both_cancels_in_a_ratio() -> None:
    others = [1.0, 2.0, 0.5, 3.0]
    found = ratio([1.2 * value for value in others], others)
    assert found is not None
    assert found.mean == pytest.approx(1.2) and found.spread == pytest.approx(0, abs=1e-9)


def test_there_is_no_ratio_to_a_policy_that_carries_nothing() -> None:
    assert ratio([1.0, 1.0], [1.0, 0.0]) is None
    assert estimate([1.0, 0.0]).mean == 0


def test_of_a_single_seed_no_interval_is_stated() -> None:
    assert estimate([2.0]) == (2.0, None, None)
    assert estimate([2.0]).spread is None

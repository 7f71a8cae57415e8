"""One eviction age on an island, one utilization of the DRAM: closed forms, and laws over random tenants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.cpu.contention import (
    FOREVER,
    MOST_UTILIZATION,
    Flows,
    bytes_at_age,
    eviction_age,
    occupied,
    set_flow,
    settle_dram,
    surviving,
    team_size,
)
from tandemsim.sim.cpu.tables import FIRST_KNOT_BYTES, KNOTS
from tests.examples import some_of

KNOT_BYTES = FIRST_KNOT_BYTES * 2.0 ** np.arange(KNOTS)
MIB = 2.0**20
L3 = 16 * MIB


def curve(survival: Doubles) -> tuple[Doubles, Doubles]:
    """Return tables of one version: a survival curve at the knots, and its integral."""
    before = np.concatenate([[1.0], survival[:-1]])
    occupied_bytes = np.cumsum(np.diff(KNOT_BYTES, prepend=0.0) * (survival + before) / 2)
    return survival.reshape(1, 1, KNOTS), occupied_bytes.reshape(1, 1, KNOTS)


def loop(size: float) -> tuple[Doubles, Doubles]:
    """Every byte is used again after exactly `size` bytes, a knot."""
    survival = np.where(size > KNOT_BYTES, 1.0, 0.0)
    occupied_bytes = np.minimum(KNOT_BYTES, size)
    return survival.reshape(1, 1, KNOTS), occupied_bytes.reshape(1, 1, KNOTS)


def flows(count: int) -> Flows:
    return Flows(*(np.zeros(count) for _ in range(6)))


def utilization(
    rows: list[tuple[float, float, float]], bandwidth: float, gamma: float, guess: float = 0.0
) -> float:
    """Return the root for rows of (solid, loaded, moved)."""
    made = flows(len(rows))
    for row, (solid, loaded, moved) in enumerate(rows):
        set_flow(made, row, solid, loaded, moved, gamma)
    return settle_dram(made, len(rows), bandwidth, guess)


def age_of(
    tables: list[tuple[Doubles, Doubles]], speeds: list[float], capacity: float = L3
) -> tuple[float, Doubles, Doubles]:
    survival = np.concatenate([table[0] for table in tables])
    filled = np.concatenate([table[1] for table in tables])
    versions, sizes = np.arange(len(tables)), np.zeros(len(tables), np.int64)
    pairs = zip(range(len(tables)), speeds, strict=True)
    most = min(bytes_at_age(survival, filled, n, 0, capacity) / speed for n, speed in pairs)
    age = eviction_age(survival, filled, versions, sizes, np.array(speeds), len(tables), capacity, most)
    return age, survival, filled


@pytest.mark.parametrize("size", [2 * L3, 4 * L3])
def test_a_loop_longer_than_the_cache_always_misses(size: float) -> None:
    survival, filled = loop(size)
    assert surviving(survival, 0, 0, bytes_at_age(survival, filled, 0, 0, L3)) == 1


def test_a_loop_that_fits_never_misses() -> None:
    survival, filled = loop(L3 / 2)
    assert bytes_at_age(survival, filled, 0, 0, L3) == FOREVER
    assert surviving(survival, 0, 0, FOREVER) == 0


@pytest.mark.parametrize("times", [1.5, 2, 4, 10])
def test_uniform_accesses_miss_for_what_does_not_fit(times: float) -> None:
    """Of N bytes used at random, a cache of C holds C: the miss ratio is 1 - C / N."""
    total = times * L3
    fine = np.exp(-KNOT_BYTES / total)
    filled = total * (1 - fine)
    tables = fine.reshape(1, 1, KNOTS), filled.reshape(1, 1, KNOTS)
    moved = bytes_at_age(*tables, 0, 0, L3)
    assert surviving(tables[0], 0, 0, moved) == pytest.approx(1 - 1 / times, abs=0.03)  # straight lines


def test_two_alike_share_the_island_in_halves() -> None:
    table = curve(np.exp(-KNOT_BYTES / (40 * MIB)))
    age, survival, filled = age_of([table, table], [3.0, 3.0])
    assert occupied(survival, filled, 0, 0, 3 * age)[0] == pytest.approx(L3 / 2)


def test_two_loops_that_fit_alone_may_not_fit_together() -> None:
    """Alone each stays; together they are half as long again as the island, which evicts at half of it."""
    age, _, _ = age_of([loop(L3), loop(L3 / 2)], [1.0, 1.0])
    assert age == pytest.approx(L3 / 2, rel=1e-6)
    assert age_of([loop(L3 / 2), loop(L3 / 4)], [1.0, 1.0])[0] == FOREVER


def falling(scale: float, once: float) -> Doubles:
    """Return a survival curve; what is below one byte in a billion counts as none."""
    survival = once + (1 - once) * np.exp(-KNOT_BYTES / scale)
    return np.where(survival < 1e-9, 0.0, survival)


shares_once = st.just(0.0) | st.floats(1e-6, 1.0)
survivals = st.builds(falling, st.floats(0.1 * MIB, 100 * MIB), shares_once)
tenants = st.lists(st.tuples(survivals, st.floats(1e-3, 10.0)), min_size=2, max_size=5)


@settings(max_examples=some_of(150))
@given(tenants)
def test_the_tenants_of_an_island_fill_it_exactly(drawn: list[tuple[Doubles, float]]) -> None:
    speeds = [speed for _, speed in drawn]
    age, survival, filled = age_of([curve(s) for s, _ in drawn], speeds)
    at_age = [occupied(survival, filled, n, 0, min(FOREVER, age * s))[0] for n, s in enumerate(speeds)]
    ever = [occupied(survival, filled, n, 0, 1e14)[0] for n in range(len(speeds))]
    assert sum(at_age) <= L3 * (1 + 1e-5)
    if sum(ever) > L3 * (1 + 1e-5):
        assert sum(at_age) == pytest.approx(L3, rel=1e-5)


@settings(max_examples=some_of(150))
@given(tenants, st.floats(1.0, 4.0))
def test_one_tenant_less_or_more_room_never_makes_data_leave_sooner(
    drawn: list[tuple[Doubles, float]], room: float
) -> None:
    tables, speeds = [curve(s) for s, _ in drawn], [speed for _, speed in drawn]
    age = age_of(tables, speeds)[0]
    assert age_of(tables[1:], speeds[1:])[0] >= age * (1 - 1e-6)
    assert age_of(tables, speeds, room * L3)[0] >= age * (1 - 1e-6)


@settings(max_examples=some_of(150))
@given(survivals, st.lists(st.floats(0, 30 * KNOT_BYTES[-1] / 16), min_size=2, max_size=9))
def test_what_survives_falls_and_what_is_occupied_rises(survival: Doubles, moved: list[float]) -> None:
    table, filled = curve(survival)
    ordered = sorted(moved)
    left = [surviving(table, 0, 0, m) for m in ordered]
    held = [occupied(table, filled, 0, 0, m)[0] for m in ordered]
    assert left == sorted(left, reverse=True)
    assert left == pytest.approx(np.interp(ordered, [0, *KNOT_BYTES], [1, *survival]), abs=1e-12)
    assert held == sorted(held)
    assert all(h <= m * (1 + 1e-12) for h, m in zip(held, ordered, strict=True))
    past = filled[0, 0, -1] + survival[-1] * KNOT_BYTES[-1]
    knots, at = [0, *KNOT_BYTES, 2 * KNOT_BYTES[-1]], [0, *filled[0, 0], past]
    assert held == pytest.approx(np.interp(ordered, knots, at), rel=1e-12)


@settings(max_examples=some_of(200))
@given(
    st.integers(1, 40),
    st.floats(1e6, 1e9),
    st.floats(0, 1e9),
    st.floats(1, 1e7),
    st.floats(1e-3, 0.9),
    st.floats(0, 0.99),
)
def test_equal_teams_solve_a_quadratic(
    count: int, solid: float, loaded: float, moved: float, gamma: float, guess: float
) -> None:
    """u B (A + L + L gamma u / (1 - u)) = R moved: a quadratic in u, of which one root lies in 0 ... 1."""
    bandwidth, total = 0.08, solid + loaded
    found = utilization([(solid, loaded, moved)] * count, bandwidth, gamma, guess)
    rate = count * moved / bandwidth
    a, b, c = total - loaded * gamma, -(total + rate), rate
    roots = np.roots([a, b, c])
    root = min(roots[(roots >= 0)], default=0.0)
    assert found == pytest.approx(min(root, MOST_UTILIZATION), abs=1e-6)


rows = st.lists(st.tuples(st.floats(1e5, 1e9), st.floats(0, 1e9), st.floats(0, 1e8)), min_size=1, max_size=20)


def times(made: list[tuple[float, float, float]], used: float, gamma: float) -> list[float]:
    return [solid + loaded * (1 + gamma * used / (1 - used)) for solid, loaded, _ in made]


@settings(max_examples=some_of(200))
@given(rows, st.floats(0.01, 1.0), st.floats(1.0, 4.0), st.floats(0.0, 1.0))
def test_more_bandwidth_fewer_tenants_and_shorter_stalls_never_slow_a_layer(
    made: list[tuple[float, float, float]], gamma: float, more: float, less: float
) -> None:
    bandwidth = 0.08
    base = times(made, utilization(made, bandwidth, gamma), gamma)
    wide = times(made, utilization(made, more * bandwidth, gamma), gamma)
    fewer = times(made[1:], utilization(made[1:], bandwidth, gamma), gamma) if len(made) > 1 else []
    calm = [(solid, less * loaded, moved) for solid, loaded, moved in made]
    short = times(calm, utilization(calm, bandwidth, gamma), gamma)
    for faster, slower in ((wide, base), (fewer, base[1:]), (short, base)):
        assert all(f <= s * (1 + 1e-6) for f, s in zip(faster, slower, strict=True))


@settings(max_examples=some_of(100))
@given(rows, st.floats(0.01, 1.0), st.floats(0, 0.999))
def test_the_root_is_one_whatever_the_guess(
    made: list[tuple[float, float, float]], gamma: float, guess: float
) -> None:
    first = utilization(made, 0.08, gamma)
    assert utilization(made, 0.08, gamma, guess) == pytest.approx(first, abs=1e-7)
    assert 0 <= first <= MOST_UTILIZATION


@pytest.mark.parametrize("cores, size", [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (64, 6)])
def test_curves_of_teams_are_those_of_the_next_power_of_two(cores: int, size: int) -> None:
    assert team_size(cores) == size

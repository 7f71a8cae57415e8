"""Which islands a team gets, and what of its weights it finds there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.cpu.placement import Placement, islands_of_team, next_island
from tandemsim.sim.cpu.residency import long_run_shares, no_uses, note_use, resident_share
from tests.examples import some_of


def placed(free: list[int], cores: int, scattered: int = 0, held: tuple[int, ...] = ()) -> dict[int, int]:
    """Return the cores that a team gets of each island."""
    left = np.array(free)
    flags = np.array([int(island in held) for island in range(len(free))])
    got: dict[int, int] = {}
    while cores > 0:
        island = int(next_island(left, flags, len(free), cores, scattered))
        taken = 1 if scattered else min(cores, int(left[island]))
        left[island] -= taken
        got[island] = got.get(island, 0) + taken
        cores -= taken
    return got


@pytest.mark.parametrize(
    "free, cores, got",
    [
        ([4, 4, 4, 4], 6, {0: 4, 1: 2}),
        ([4, 2, 3, 4], 2, {1: 2}),  # the island that it fills
        ([4, 2, 3, 4], 7, {0: 4, 2: 3}),
        ([1, 1, 4, 0], 6, {2: 4, 0: 1, 1: 1}),
        ([0, 3, 0, 3], 3, {1: 3}),
    ],
)
def test_an_aligned_team_lies_on_as_few_islands_as_it_can(
    free: list[int], cores: int, got: dict[int, int]
) -> None:
    assert placed(free, cores) == got


def test_a_scattered_team_lies_on_all_islands() -> None:
    assert placed([4, 4, 4, 4], 6, scattered=1) == {0: 2, 1: 2, 2: 1, 3: 1}
    assert placed([4, 1, 4, 4], 3, scattered=1) == {0: 1, 2: 1, 3: 1}


def test_ties_go_to_islands_that_the_team_held() -> None:
    assert placed([4, 4, 4, 4], 6, held=(2, 3)) == {2: 4, 3: 2}
    assert placed([4, 2, 4, 4], 2, held=(3,)) == {1: 2}  # to fill an island counts more


@settings(max_examples=some_of(100))
@given(st.lists(st.integers(0, 4), min_size=1, max_size=16), st.data())
def test_a_team_gets_what_it_asks_for_and_no_more_than_is_free(free: list[int], data: st.DataObject) -> None:
    total = sum(free)
    if total:
        cores = data.draw(st.integers(1, total))
        for scattered in (0, 1):
            got = placed(free, cores, scattered)
            assert sum(got.values()) == cores
            assert all(count <= free[island] for island, count in got.items())
        fewest = next(n for n in range(1, len(free) + 1) if sum(sorted(free)[-n:]) >= cores)
        assert len(placed(free, cores)) == fewest


def test_an_idle_machine_spans_what_the_team_needs() -> None:
    assert [islands_of_team(c, 16, 4, Placement.ALIGNED) for c in (1, 4, 5, 64)] == [1, 1, 2, 16]
    assert [islands_of_team(c, 16, 4, Placement.SCATTERED) for c in (1, 4, 5, 64)] == [1, 4, 5, 16]


def test_weights_stay_until_an_island_has_taken_in_its_capacity() -> None:
    uses = no_uses(2, 3)
    assert resident_share(uses, 0, 1, 0.0, 0.0, 1.0, 100.0) == 0  # never used
    note_use(uses, 0, 1, 50.0, 0.25, 0.75)
    assert resident_share(uses, 0, 1, 149.0, 0.0, 1.0, 100.0) == 0.5
    assert resident_share(uses, 0, 1, 149.0, 0.5, 1.0, 100.0) == 0.25  # the overlap of the slices
    assert resident_share(uses, 0, 1, 149.0, 0.0, 0.2, 100.0) == 0
    assert resident_share(uses, 0, 1, 150.0, 0.0, 1.0, 100.0) == 0
    assert resident_share(uses, 0, 2, 60.0, 0.0, 1.0, 100.0) == 0  # another island
    assert resident_share(uses, 1, 1, 60.0, 0.0, 1.0, 100.0) == 0  # another layer


def test_the_long_run_fills_three_quarters_of_the_cache() -> None:
    weights, rates = np.array([94e6, 24e6, 50e6]), np.array([0.3, 0.6, 0.1])
    shares = long_run_shares(weights, rates, 16 * 2.0**20)
    assert (weights * shares).sum() == pytest.approx(0.75 * 16 * 2**20)
    assert shares[1] > shares[0] > shares[2]  # by how often each runs
    assert list(long_run_shares(weights, rates, 1e9)) == [1, 1, 1]

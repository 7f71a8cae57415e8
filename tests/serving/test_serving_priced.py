"""Blocks by price: dynamic programming against every sequence of teams."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tandemsim.sim.serving.priced import PRICES, make_prices
from tests.serving.made_up import machine, networks, service

TEAM, JOIN = 5e-5, 2e-5
CORES = 4
MADE = service(
    networks([[4e-3, 1e-3, 3e-3, 2e-3]], chunks=6),
    machine(CORES, 1, team_seconds=TEAM, join_seconds=JOIN),
)
PICO = 1e12


def layer_time(layer: int, cores: int) -> float:
    sums = MADE.profile.plan.sums
    return float(sums[0, layer + 1, cores] - sums[0, layer, cores])


def cost(teams: tuple[int, ...], first: int, held: int, price: float) -> tuple[float, float]:
    """Return what layers from `first` on cost on these teams, and their time."""
    total = spent = 0.0
    for layer, cores in enumerate(teams, first):
        takes = layer_time(layer, cores)
        if cores != held:
            takes += (TEAM + JOIN * max(0, cores - held)) * PICO
        total += (cores + price) * takes
        spent += takes
        held = cores
    return total, spent


@pytest.mark.parametrize("price", PRICES)
def test_the_cheapest_teams_are_those_of_brute_force(price: float) -> None:
    tables = make_prices(MADE.profile.plan, 1, True, (price,))
    for first, held in product(range(4), range(CORES + 1)):
        choices = product(range(1, CORES + 1), repeat=4 - first)
        best = min(choices, key=lambda teams: cost(teams, first, held, price)[0])
        walked, at = [], held
        for layer in range(first, 4):
            at = int(tables.cores[0, 0, layer, at])
            walked.append(at)
        found = cost(tuple(walked), first, held, price)
        assert found[0] == pytest.approx(cost(best, first, held, price)[0], rel=1e-12)
        assert tables.to_go[0, 0, first, held] == pytest.approx(found[1], rel=1e-12)


def test_a_price_of_nothing_takes_the_fewest_core_seconds_and_a_high_one_the_least_time() -> None:
    tables = make_prices(MADE.profile.plan, 1, True, (1e-9, 1e9))
    every = [cost(teams, 0, 0, 0.0) for teams in product(range(1, CORES + 1), repeat=4)]
    for number, column in ((0, 0), (1, 1)):
        walked, at = [], 0
        for layer in range(4):
            at = int(tables.cores[0, number, layer, at])
            walked.append(at)
        assert cost(tuple(walked), 0, 0, 0.0)[column] == pytest.approx(
            min(e[column] for e in every), rel=1e-6
        )


def test_teams_come_in_steps_of_the_quantum() -> None:
    tables = make_prices(MADE.profile.plan, 2, True)
    assert set(np.unique(tables.cores)) <= {2, 4}


def test_higher_prices_never_take_longer() -> None:
    tables = make_prices(MADE.profile.plan, 1, True)
    assert (np.diff(tables.to_go[0], axis=0) <= 1e-6).all()

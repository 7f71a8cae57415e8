"""Blocks by price: time costs so many cores, and dynamic programming finds the teams that cost least.

A second of a layer on c cores costs c + price core-seconds, and so does a second's wait for its team. For
each price, layer and number of cores held before, the cheapest teams for what is left of the model are found
offline, and the time that it will take. A high price gives wide teams, a low one narrow teams and few
changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.profile import Plan

PRICES = tuple(float(price) for price in np.round(0.5 * 1000 ** (np.arange(14) / 13), 2))  # 0.5 ... 500 cores


class Prices(NamedTuple):
    """The tables of all prices, for each choice of versions (`sim.serving.profile`)."""

    price: Doubles  # [prices] cores
    # [choices, prices, layers, cores held + 1] of the cheapest team; 0 held: the query starts
    cores: Integers
    to_go: Doubles  # picoseconds to the end of the model, with the cheapest teams


def no_prices() -> Prices:
    """Return empty tables, for policies without prices."""
    return Prices(np.zeros(0), np.zeros((0, 0, 0, 0), np.int64), np.zeros((0, 0, 0, 0)))


def make_prices(plan: Plan, quantum: int, knows_teams: bool, prices: tuple[float, ...] = PRICES) -> Prices:
    """Return the tables for teams in steps of `quantum` cores."""
    choices, _, most = plan.sums.shape
    layers = int(plan.first_layer[-1])
    shape = choices, len(prices), layers, most
    tables = Prices(np.array(prices), np.zeros(shape, np.int64), np.zeros(shape))
    _fill(plan, tables, quantum, plan.team if knows_teams else 0.0, plan.join if knows_teams else 0.0)
    return tables


@jit
def _fill(plan: Plan, tables: Prices, quantum: int, team: float, join: float) -> None:
    choices, prices, _, most = tables.cores.shape
    cost = np.zeros(most)  # of what comes after the layer, by the cores held
    time = np.zeros(most)
    new_cost = np.zeros(most)
    new_time = np.zeros(most)
    for choice in range(choices):
        for number in range(prices):
            price = tables.price[number]
            for network in range(len(plan.first_layer) - 1):
                cost[:] = 0.0
                time[:] = 0.0
                for layer in range(plan.first_layer[network + 1] - 1, plan.first_layer[network] - 1, -1):
                    before = plan.sums[choice, layer + network]
                    after = plan.sums[choice, layer + network + 1]
                    for held in range(most):
                        best, least, spent = 0, np.inf, 0.0
                        for cores in range(quantum, most, quantum):
                            takes = after[cores] - before[cores]
                            if cores != held:
                                takes += team + join * max(0, cores - held)
                            total = (cores + price) * takes + cost[cores]
                            if total < least:
                                best, least, spent = cores, total, takes
                        new_cost[held] = least
                        new_time[held] = spent + time[best]
                        tables.cores[choice, number, layer, held] = best
                        tables.to_go[choice, number, layer, held] = new_time[held]
                    cost[:] = new_cost
                    time[:] = new_time

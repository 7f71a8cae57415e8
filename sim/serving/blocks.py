"""The next unit of a query under every policy: its layers, and the cores that it wants."""

from __future__ import annotations

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.demand import need, time_for
from tandemsim.sim.serving.policy import Rule, Unit


@jit(**BARE)
def block_by_demand(
    sums: Doubles,
    shares: Doubles,
    rule: Rule,
    choice: int,
    layer: int,
    last: int,
    network: int,
    held: int,
    target: float,
    left: float,
    limit: int,
    team: float,
    join: float,
) -> tuple[int, int]:
    """Return the end of the unit and its cores, for `Unit.MODEL`, `LAYERS` and `ADAPTIVE`.

    An adaptive block grows while it needs more cores than `limit`, and while its need stays the same, up to
    `rule.longest` layers. The model ends at layer `last`; `team` and `join` are what the plan counts.
    """
    end = last if rule.unit == Unit.MODEL else min(last, layer + rule.block)
    before, wanted = layer + network, 0
    while True:
        budget = time_for(sums, shares, rule, before, end + network, last + network, target, left)
        cores = need(sums, choice, before, end + network, held, budget, rule.quantum, team, join)
        if 0 < wanted <= limit and cores != wanted:
            return end - 1, wanted
        wanted = cores
        if rule.unit != Unit.ADAPTIVE or end == last or (wanted <= limit and end - layer >= rule.longest):
            return end, wanted
        end += 1


@jit(**BARE)
def block_by_price(
    price: Doubles,
    best: Integers,
    to_go: Doubles,
    rule: Rule,
    choice: int,
    layer: int,
    last: int,
    held: int,
    left: float,
    free: int,
) -> tuple[int, int]:
    """Return the end of the unit and its cores, for `Unit.PRICED`; the tables are of `Prices`.

    The price is the lowest one that ends in time, and the middle one if none does. It rises while the cores
    that it asks for are `free`, of which there are 0 for a query that should not spread. The block ends where
    the number of cores changes, or the model, at layer `last`.
    """
    number = 0
    while number < len(price) and to_go[choice, number, layer, held] > left:
        number += 1
    if number == len(price):
        number = len(price) // 2
    else:
        while (
            number + 1 < len(price)
            and price[number + 1] <= rule.most_price
            and best[choice, number + 1, layer, held] <= free
        ):
            number += 1
    cores = int(best[choice, number, layer, held])
    end = layer + 1
    while end < min(last, layer + rule.longest) and best[choice, number, end, cores] == cores:
        end += 1
    return end, cores

"""The next unit of a query under every policy: its layers, and the cores that it wants."""

from __future__ import annotations

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.demand import need, time_for
from tandemsim.sim.serving.policy import Rule, Unit
from tandemsim.sim.serving.priced import Prices
from tandemsim.sim.serving.profile import Plan


@jit(inline="always")
def block_by_demand(
    plan: Plan,
    rule: Rule,
    choice: int,
    layer: int,
    network: int,
    held: int,
    target: float,
    left: float,
    limit: int,
) -> tuple[int, int]:
    """Return the end of the unit and its cores, for `Unit.MODEL`, `LAYERS` and `ADAPTIVE`.

    An adaptive block grows while it needs more cores than `limit`, and while its need stays the same, up to
    `rule.longest` layers.
    """
    last = plan.first_layer[network + 1]
    end = last if rule.unit == Unit.MODEL else min(last, layer + rule.block)
    team = plan.team if rule.knows_teams else 0.0
    join = plan.join if rule.knows_teams else 0.0
    wanted = 0
    while True:
        budget = time_for(plan, rule, layer, end, network, target, left)
        before, after = layer + network, end + network
        cores = need(plan.sums, choice, before, after, held, budget, rule.quantum, team, join)
        if 0 < wanted <= limit and cores != wanted:
            return end - 1, wanted
        wanted = cores
        if rule.unit != Unit.ADAPTIVE or end == last or (wanted <= limit and end - layer >= rule.longest):
            return end, wanted
        end += 1


@jit(inline="always")
def block_by_price(
    plan: Plan,
    prices: Prices,
    rule: Rule,
    choice: int,
    layer: int,
    network: int,
    held: int,
    left: float,
    free: int,
) -> tuple[int, int]:
    """Return the end of the unit and its cores, for `Unit.PRICED`.

    The price is the lowest one that ends in time, and the middle one if none does. It rises while the cores
    that it asks for are `free`, of which there are 0 for a query that should not spread. The block ends where
    the number of cores changes.
    """
    count = len(prices.price)
    number = 0
    while number < count and prices.to_go[choice, number, layer, held] > left:
        number += 1
    if number == count:
        number = count // 2
    else:
        while (
            number + 1 < count
            and prices.price[number + 1] <= rule.most_price
            and prices.cores[choice, number + 1, layer, held] <= free
        ):
            number += 1
    cores = prices.cores[choice, number, layer, held]
    last = min(plan.first_layer[network + 1], layer + rule.longest)
    end = layer + 1
    while end < last and prices.cores[choice, number, end, cores] == cores:
        end += 1
    return end, cores

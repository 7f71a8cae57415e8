"""How much time some layers may take, and how many cores they need for that: asked of the plan alone."""

from __future__ import annotations

import math

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.policy import Budget, Rule
from tandemsim.sim.serving.profile import SHIPPED, Plan

WORTH = 0.95  # assumed: where no number of cores is enough, more of them have to save 5 % of the time


@jit
def need(
    sums: Doubles,
    choice: int,
    before: int,
    after: int,
    held: int,
    budget: float,
    quantum: int,
    team: float,
    join: float,
) -> int:
    """Return the fewest cores on which the layers from row `before` to row `after` take at most `budget`.

    The wait for the team counts. If no number is enough, it is the last one that saves 5 % of the time.
    """
    first, end = sums[choice, before], sums[choice, after]
    knee, shortest = quantum, math.inf
    for cores in range(quantum, len(end), quantum):
        takes = end[cores] - first[cores]
        if cores != held:
            takes += team + join * max(0, cores - held)
        if takes <= budget:
            return cores
        if takes <= WORTH * shortest:
            knee, shortest = cores, takes
    return knee


@jit(inline="always")
def time_for(plan: Plan, rule: Rule, layer: int, end: int, network: int, target: float, left: float) -> float:
    """Return the picoseconds that some layers may take; `left` are those until margin * target."""
    shares = plan.shares[rule.share]
    last = plan.first_layer[network + 1] + network
    share = shares[end + network] - shares[layer + network]
    if rule.budget == Budget.SLACK:
        sums = plan.sums[SHIPPED]
        most = sums.shape[1] - 1
        if sums[last, most] - sums[layer + network, most] <= left:
            return float(left * share / (1.0 - shares[layer + network]))
    return float(rule.margin * target * share)


@jit(inline="always")
def spare_cores(
    plan: Plan, rule: Rule, choice: int, layer: int, end: int, network: int, cores: int, free: int
) -> int:
    """Return the most cores, of those that are free, that the layers still use well; at least `cores`."""
    before, after = plan.sums[choice, layer + network], plan.sums[choice, end + network]
    alone = after[1] - before[1]
    for more in range(free - free % rule.quantum, cores, -rule.quantum):
        if alone >= rule.least_efficiency * more * (after[more] - before[more]):
            return more
    return cores

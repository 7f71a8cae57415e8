"""How much time some layers may take, and how many cores they need for that: asked of the plan alone."""

from __future__ import annotations

import math

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.policy import Budget, Rule
from tandemsim.sim.serving.profile import SHIPPED

WORTH = 0.95  # assumed: where no number of cores is enough, more of them have to save 5 % of the time


@jit(**BARE)
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
    knee, shortest = quantum, math.inf
    for cores in range(quantum, sums.shape[2], quantum):
        takes = sums[choice, after, cores] - sums[choice, before, cores]
        if cores != held:
            takes += team + join * max(0, cores - held)
        if takes <= budget:
            return cores
        if takes <= WORTH * shortest:
            knee, shortest = cores, takes
    return knee


@jit(**BARE)
def time_for(
    sums: Doubles, shares: Doubles, rule: Rule, before: int, after: int, last: int, target: float, left: float
) -> float:
    """Return the picoseconds that the layers from row `before` to row `after` may take.

    last: the row at the model's end. left: picoseconds until margin * target.
    """
    share = shares[rule.share, after] - shares[rule.share, before]
    if rule.budget == Budget.SLACK:
        most = sums.shape[2] - 1
        if sums[SHIPPED, last, most] - sums[SHIPPED, before, most] <= left:
            return float(left * share / (1.0 - shares[rule.share, before]))
    return float(rule.margin * target * share)


@jit(**BARE)
def spare_cores(
    sums: Doubles, rule: Rule, choice: int, before: int, after: int, cores: int, free: int
) -> int:
    """Return the most cores, of those that are free, that the layers still use well; at least `cores`."""
    alone = sums[choice, after, 1] - sums[choice, before, 1]
    for more in range(free - free % rule.quantum, cores, -rule.quantum):
        takes = sums[choice, after, more] - sums[choice, before, more]
        if alone >= rule.least_efficiency * more * takes:
            return more
    return cores

"""The highest load that a policy carries: bracketed by steps, then bisected on a logarithmic scale.

A load is carried if enough queries are in time. On one sample of queries that is not quite monotone in the
load, so what is found is a border: a load that is carried, and one little higher that is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tandemsim.sim.cpu.region import solo_seconds
from tandemsim.sim.serving.policy import Policy
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.queries import Queries
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.simulation import simulate

STEP = 1.3  # of the bracket
NEAR_STEP = 1.07  # where a load near the border is known
TOLERANCE = 0.01  # of the border
NONE = 0.0
START_SHARE = 0.45  # of the capacity, where the bracket begins
LEAST_SHARE = 1e-3  # of the capacity: a policy that cannot carry so much is said to carry nothing
MOST_SHARE = 2.0  # of the capacity: only a run too short to be late everywhere carries so much


def highest(
    carries: Callable[[float], bool],
    start: float,
    least: float,
    most: float,
    tolerance: float = TOLERANCE,
    step: float = STEP,
) -> float:
    """Return a load that `carries`, such that one higher by `tolerance` does not, or is above `most`.

    The search begins at `start`, and goes up or down by `step` times until it has passed the border. 0 where
    no load from `least` on is carried. All are positive.
    """
    low, high = start, start
    if carries(start):
        while high < most:
            high = min(low * step, most)
            if not carries(high):
                break
            low = high
    else:
        low = start / step
        while not carries(low):
            if low < least:
                return NONE
            low, high = low / step, low
    while high > low * (1 + tolerance):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if carries(middle) else (low, middle)
    return low


def max_load(
    service: Service,
    policy: Policy,
    queries: Queries,
    *,
    in_time: float,
    warm_up: int,
    tolerance: float = TOLERANCE,
    near: float = NONE,
) -> float:
    """Return the highest load, in queries a second, at which a share of `in_time` of the queries is in time.

    The first `warm_up` queries find an empty machine and do not count. `near`: a load from which it is not
    far, if one is known. 0: the policy carries no load.
    """

    def carries(load: float) -> bool:
        served = simulate(service, policy, queries, load, warm_up=warm_up, most_late=1 - in_time)
        return not served.stopped

    whole = capacity(service)
    least, most = LEAST_SHARE * whole, MOST_SHARE * whole
    if least < near < most:
        return highest(carries, near, least, most, tolerance, NEAR_STEP)
    return highest(carries, START_SHARE * whole, least, most, tolerance)


def capacity(service: Service) -> float:
    """Return the queries a second that the cores would finish if none were idle, waited or shared a layer.

    So each layer takes the time that it takes alone on one core, in its shipped version.
    """
    tables = service.tables
    seconds = [solo_seconds(tables, int(version), 1) for version in tables.shipped]
    first = tables.first_layer.tolist()
    spans = zip(service.shares, first[:-1], first[1:], strict=True)
    return service.constants.cores / sum(share * sum(seconds[begin:end]) for share, begin, end in spans)


def least_latencies(service: Service) -> list[float]:
    """Return the least seconds that a plan has for a query of each network, on an idle machine.

    Each layer runs its fastest version on the number of cores that suits it best, and changing teams is free;
    so no policy is faster.
    """
    plan = service.profile.plan
    at_level_0 = plan.sums[1]
    first = plan.first_layer.tolist()
    least = []
    for network, (begin, end) in enumerate(zip(first[:-1], first[1:], strict=True)):
        layers = np.diff(at_level_0[begin + network : end + network + 1, 1:], axis=0)
        least.append(float(layers.min(axis=1).sum()) / PICOSECONDS)
    return least

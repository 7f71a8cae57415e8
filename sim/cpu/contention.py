"""What tenants cost each other: one eviction age on each island of L3, one utilization of the machine's DRAM.

An LRU cache evicts what has not been used for an age, and all tenants of an island share that age: it is the
one at which the data that they used since fill the island. How long ago a tenant uses its data again is its
survival curve (`sim.cpu.tables`), over the bytes that it moves; between knots the curves are straight lines,
so that every machine gives the same bytes, with or without the compiler.

DRAM slows everybody alike: a load takes 1 + gamma u / (1 - u) of its idle latency at utilization u, and u is
the rate of all tenants at that latency over the bandwidth. The left side of that equation rises in u and the
right one falls, so it has one root, and a saturated memory is not a case of its own.

Times are picoseconds as float64, rates are bytes a picosecond.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.tables import FIRST_KNOT_BYTES, KNOTS
from tandemsim.sim.engine.jit import BARE, jit

LAST_SEGMENT = FIRST_KNOT_BYTES * 2.0 ** (KNOTS - 2)  # bytes
FOREVER = 1e300  # bytes: nothing is evicted
NEARLY_FOREVER = 1e200  # `FOREVER` over any speed
MOST_STEPS = 60  # of Newton's method; three are usual
PRECISION = 1e-9  # of an age, and of a utilization that is found by halves
LAST_STEP = 1e-4  # of what is left of the DRAM: Newton's method then errs by about its square
# A memory whose latency does not rise with its load (gamma or kappa 0) may be asked for more than it has.
MOST_UTILIZATION = 1 - 2**-20


class Flows(NamedTuple):
    """What each running team asks of the DRAM. A layer takes solid + loaded * (1 + gamma u / (1 - u))."""

    left: Doubles  # [rows] of the layer, or of the wait for a team: 1 to 0
    slope: Doubles  # solid + loaded
    relief: Doubles  # solid + loaded * (1 - gamma): the layer takes (slope - relief * u) / (1 - u)
    moved: Doubles  # bytes of the layer from DRAM
    pull: Doubles  # moved * loaded * gamma
    pace: Doubles  # 1 / (slope - relief * u), as the last call left it


@jit(**BARE)
def team_size(cores: int) -> int:
    """Return the number of the survival curve of a team with so many cores on an island."""
    size = 0
    while (1 << size) < cores:
        size += 1
    return size


@jit(**BARE)
def surviving(survival: Doubles, version: int, size: int, moved: float) -> float:
    """Return the share of a version's bytes that is not used again before `moved` bytes have moved."""
    knot, within, _ = _segment(moved)
    if knot == KNOTS:
        return float(survival[version, size, KNOTS - 1])
    before = survival[version, size, knot - 1] if knot > 0 else 1.0
    return float(before + (survival[version, size, knot] - before) * within)


@jit(**BARE, forceinline=True)
def occupied(
    survival: Doubles, occupied_bytes: Doubles, version: int, size: int, moved: float
) -> tuple[float, float]:
    """Return the bytes of L3 that hold what was used within the last `moved` bytes, and their slope."""
    knot, within, length = _segment(moved)
    if knot == KNOTS:
        slope = survival[version, size, KNOTS - 1]
        return occupied_bytes[version, size, KNOTS - 1] + slope * length * within, slope
    before = occupied_bytes[version, size, knot - 1] if knot > 0 else 0.0
    rise = occupied_bytes[version, size, knot] - before
    return before + rise * within, rise / length


@jit(**BARE, forceinline=True)
def _segment(moved: float) -> tuple[int, float, float]:
    """Return the knot after `moved`, the share of the segment before it, and its length in bytes.

    Past the last knot the number is `KNOTS`, and the length that of the segment before.
    """
    knots = moved / FIRST_KNOT_BYTES
    if knots < 1:
        return 0, knots, float(FIRST_KNOT_BYTES)
    mantissa, exponent = math.frexp(knots)  # knots = mantissa * 2**exponent, mantissa in 0.5 ... 1
    if exponent > KNOTS - 1:
        return KNOTS, moved / LAST_SEGMENT - 2, LAST_SEGMENT
    return exponent, 2 * mantissa - 1, moved / (2 * mantissa)


@jit(**BARE)
def bytes_at_age(
    survival: Doubles, occupied_bytes: Doubles, version: int, size: int, capacity: float
) -> float:
    """Return how many bytes a tenant that is alone has moved when its data fill `capacity`."""
    for knot in range(KNOTS):
        if occupied_bytes[version, size, knot] >= capacity:
            before = occupied_bytes[version, size, knot - 1] if knot > 0 else 0.0
            base = FIRST_KNOT_BYTES * 2.0 ** (knot - 1) if knot > 0 else 0.0
            length = FIRST_KNOT_BYTES * 2.0 ** max(0, knot - 1)
            rise = occupied_bytes[version, size, knot] - before
            return float(base + length * (capacity - before) / rise)
    slope = survival[version, size, KNOTS - 1]
    if slope <= 0:
        return FOREVER
    past = capacity - occupied_bytes[version, size, KNOTS - 1]
    return float(FIRST_KNOT_BYTES * 2.0 ** (KNOTS - 1) + past / slope)


@jit(**BARE, forceinline=True)
def eviction_age(
    survival: Doubles,
    occupied_bytes: Doubles,
    versions: Integers,
    sizes: Integers,
    speeds: Doubles,
    count: int,
    capacity: float,
    most: float,
) -> float:
    """Return the age at which data leave an island that the first `count` tenants share.

    speeds: bytes a picosecond that each moves between L3 and its cores. most: an age that it cannot exceed,
    as that at which one tenant alone would fill the island; `FOREVER` if none would.

    What the tenants occupy is a rising and concave function of the age, made of straight lines: Newton's
    method ends on the line that crosses `capacity`.
    """
    age = most
    if age >= NEARLY_FOREVER:  # nobody fills the island alone; together they may
        age = 0.0
        for tenant in range(count):
            if speeds[tenant] > 0:
                age = max(age, 2 * LAST_SEGMENT / speeds[tenant])
    for _ in range(MOST_STEPS):
        filled, slope = 0.0, 0.0
        for tenant in range(count):
            of_tenant, rise = occupied(
                survival, occupied_bytes, versions[tenant], sizes[tenant], age * speeds[tenant]
            )
            filled += of_tenant
            slope += rise * speeds[tenant]
        if slope <= 0:  # all that they use again is there
            if filled <= capacity:
                return FOREVER
            age *= 0.5
            continue
        step = (capacity - filled) / slope
        age = max(0.0, age + step)
        if abs(step) <= PRECISION * age:
            break
    return age


@jit(**BARE)
def set_flow(flows: Flows, row: int, solid: float, loaded: float, moved: float, queueing: float) -> None:
    """Say what the layer in `row` takes: `loaded` are its stalls for `moved` bytes from an idle DRAM."""
    flows.slope[row] = solid + loaded
    flows.relief[row] = solid + loaded * (1 - queueing)
    flows.moved[row] = moved
    flows.pull[row] = moved * loaded * queueing


@jit(**BARE, forceinline=True)
def settle_dram(flows: Flows, rows: int, bandwidth: float, guess: float) -> float:
    """Return the utilization of the DRAM under the first `rows` layers, and leave the pace of each."""
    utilization, low, high = guess, 0.0, MOST_UTILIZATION
    for _ in range(MOST_STEPS):
        _set_pace(flows, rows, utilization)
        rate, rise = 0.0, bandwidth
        for row in range(rows):
            rate += flows.moved[row] * flows.pace[row]
            rise += flows.pull[row] * flows.pace[row] * flows.pace[row]
        error = utilization * bandwidth - (1 - utilization) * rate
        if error > 0:
            high = utilization
        else:
            low = utilization
        step = error / rise
        utilization -= step
        if not low <= utilization <= high:
            utilization = 0.5 * (low + high)
            if high - low <= PRECISION:
                break
        elif abs(step) <= LAST_STEP * (1 - utilization):
            break
    _set_pace(flows, rows, utilization)
    return utilization


@jit(**BARE, forceinline=True)
def _set_pace(flows: Flows, rows: int, utilization: float) -> None:
    for row in range(rows):
        flows.pace[row] = 1.0 / (flows.slope[row] - flows.relief[row] * utilization)

"""What policies see of the interference: a counter of DRAM traffic, read as the mean of the last whole millisecond."""

from __future__ import annotations

from tandemsim.sim.arch.types import Doubles, Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.world import Meter

WINDOW = 1_000_000_000  # picoseconds
LEVEL_CUTS = (0.25, 0.62, 0.82)  # assumed: halfway between the utilizations of the profile's levels


@jit(inline="always")
def count_dram(state: Record, meter: Doubles, until: int) -> None:
    """Count the present utilization from `state.now` to `until`."""
    now = state.now
    used = meter[Meter.NOW]
    meter[Meter.ALL] += used * (until - now)
    if until >= state.sample:
        meter[Meter.READ] = (meter[Meter.WINDOW] + used * (state.sample - now)) / WINDOW
        past = (until - state.sample) // WINDOW  # whole windows since
        if past > 0:
            meter[Meter.READ] = used
        now = state.sample + past * WINDOW
        state.sample = now + WINDOW
        meter[Meter.WINDOW] = 0.0
    meter[Meter.WINDOW] += used * (until - now)


@jit(inline="always")
def level(meter: Doubles) -> int:
    """Return the level of interference (`sim.serving.profile`) that the counter shows."""
    used = meter[Meter.READ]
    return int(used >= LEVEL_CUTS[0]) + int(used >= LEVEL_CUTS[1]) + int(used >= LEVEL_CUTS[2])

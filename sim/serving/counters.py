"""What policies see of interference: the DRAM's utilization, as the mean of the last whole millisecond."""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.world import Meter

WINDOW = 1_000_000_000  # picoseconds
LEVEL_CUTS = (0.25, 0.62, 0.82)  # assumed: halfway between the utilizations of the profile's levels


@jit(**BARE)
def count_dram(state: Record, until: int) -> None:
    """Count the present utilization from `state.now` to `until`."""
    meter, now = state.meter, state.now
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


@jit(**BARE)
def level(state: Record) -> int:
    """Return the level of interference (`sim.serving.profile`) that the counter shows."""
    used = state.meter[Meter.READ]
    return int(used >= LEVEL_CUTS[0]) + int(used >= LEVEL_CUTS[1]) + int(used >= LEVEL_CUTS[2])

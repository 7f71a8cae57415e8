"""Idle time: refreshes that come while nothing else happens are counted, and not simulated one by one.

Every interval of an idle channel is like the one before it: each rank is refreshed when that is due, one rank
per clock. (In the first they may have to wait for earlier commands; an interval has room for that, says
`sim.arch.dram.spacing.check_refresh`.) So of a long pause only the last two intervals are simulated. They
leave the state that stepping leaves: the earliest clock of a command is the largest of its reasons, and of
all refreshes of a rank the last gives the largest.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.schedule import any_open
from tandemsim.sim.memory.dram.state import READ, WRITE


@jit
def skip_idle(timing: Record, channel: Record, limit: int) -> int:
    """Pass over the intervals that may be counted before clock `limit`; return the next clock to simulate."""
    start: int = channel.clock + 1
    if start != channel.next_refresh or limit - start < 2 * timing.refi or not _is_idle(timing, channel):
        return start
    intervals = (limit - start) // timing.refi - 1
    channel.next_refresh += intervals * timing.refi
    channel.clock += intervals * timing.refi
    channel.refreshes += intervals * timing.ranks
    channel.urgent_head = (channel.urgent_head + intervals * timing.ranks) % channel.urgent.size
    return int(channel.clock + 1)


@jit
def _is_idle(timing: Record, channel: Record) -> bool:
    """Whether nothing but refreshes can happen, and no log of them is kept."""
    requests = channel.queued[READ] + channel.queued[WRITE] + channel.active_count
    idle: bool = requests + channel.urgent_count == 0 and channel.logging == 0
    for r in range(timing.ranks):
        idle &= not any_open(timing, channel, r)
    return idle

"""What a layer moved and computed: scratchpad bytes, DRAM counters, and the work that costs energy."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.energy import SaloWork
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.memory.dma_state import Dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tandemsim.sim.salo.layer.program import Program
from tandemsim.sim.salo.layer.transfers import Kind
from tandemsim.sim.salo.scheduling.schedule import Schedule

DRAM_COUNTERS = ("row_hits", "row_misses", "row_conflicts", "activates", "refreshes")
ABSORBED = {"forwarded_bytes": "forwarded", "merged_bytes": "merged"}  # by the write queue, off the pins


def dram_counts(dma: Dma) -> dict[str, int]:
    """Return the bytes of all bursts, also of those that the write queue absorbed, and other counters."""
    state, channels, burst = dma.state[0], dma.dram.channel, int(dma.dram.timing[0].burst_bytes)
    return {
        "read_bytes": int(state.bursts[READ]) * burst,
        "write_bytes": int(state.bursts[WRITE]) * burst,
        "useful_read_bytes": int(state.useful_bytes[READ]),
        **{name: int(channels[counter].sum()) * burst for name, counter in ABSORBED.items()},
        **{name: int(channels[name].sum()) for name in DRAM_COUNTERS},
    }


def scratchpad_traffic(config: SaloConfig, plan: Program) -> dict[str, SramTraffic]:
    """Return the bytes through the ports of each scratchpad, over all heads."""
    schedule, layer = plan.schedule, plan.layer
    key, value = (size * config.element_bytes for size in (layer.head_dim, layer.value_dim))
    queries = schedule.queries
    column_keys = schedule.column_keys
    windowed = (column_keys >= 0) & ~schedule.is_global[column_keys]  # leftovers of a window
    of_global = (column_keys >= 0) & ~windowed
    streamed = _streamed(schedule, config.array.segment_cols) + windowed.sum(axis=1)
    private = schedule.row_keys.valid.any(axis=1).sum(axis=1) * int(schedule.private_rows)
    row_queries = schedule.row_keys.valid.any(axis=2).sum(axis=1)
    output = layer.value_dim * config.output_bytes
    written = int(queries[schedule.last].sum() + schedule.row_last.sum())
    loaded = _loaded(plan)
    read = {
        "query": int(queries.sum()) * key,
        "key": int(streamed.sum()) * key,
        "value": int(streamed.sum()) * value,
        "global": int(private.sum() + of_global.sum()) * (key + value) + int(row_queries.sum()) * key,
        "output": written * output,
    }
    write = {name: loaded[name] for name in read} | {"output": written * output * layer.heads}
    capacity = {name: getattr(config, f"{name}_scratchpad").capacity_bytes for name in read}
    return {name: SramTraffic(capacity[name], read[name] * layer.heads, write[name]) for name in read}


def _loaded(plan: Program) -> dict[str, int]:
    """Return the bytes that transfers bring into each scratchpad, over all heads."""
    t = plan.transfers
    size = t.size_bytes * (1 - t.is_write)
    return {kind.name.lower(): int(size[t.kind == kind].sum()) for kind in Kind}


def _streamed(schedule: Schedule, segment_cols: int) -> Integers:
    """Return the keys that each tile reads, int64 [T]: chained segments read one stream together."""
    present = schedule.slots.keys >= 0
    tiles, segments, slots = present.shape
    chain = np.zeros((tiles, slots + (segments - 1) * segment_cols), np.bool_)
    for segment in range(segments):
        first = (segments - 1 - segment) * segment_cols
        chain[:, first : first + slots] |= present[:, segment]
    return np.asarray(np.where(schedule.split, present.sum(axis=(1, 2)), chain.sum(axis=1)), np.int64)


def layer_work(plan: Program, cycles: int) -> SaloWork:
    """Return what the array did, over all heads."""
    schedule, heads = plan.schedule, plan.layer.heads
    queries = schedule.queries
    finished = schedule.last & ~schedule.spill[schedule.block]
    return SaloWork(
        cycles=cycles,
        passes=plan.tiles,
        head_dim=plan.layer.head_dim,
        v_dim=plan.layer.value_dim,
        pairs=int(schedule.pairs.sum()) * heads,
        merged_rows=int(queries.sum() + schedule.row_keys.valid.any(axis=2).sum()) * heads,
        finished_rows=int(queries[finished].sum() + schedule.row_last.sum()) * heads,
    )

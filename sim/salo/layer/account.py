"""Accounts of a layer: what every multiplier-cycle was spent on, and which tensors moved over the DRAM pins.

A multiplier-cycle is one multiplier for one cycle of column 0. A tile multiplies for head_dim cycles, and
again for v_dim; each PE spends them on a pair of its own (`useful`), or on none, for the first of these
reasons that holds: its row has no query (`idle_rows`: only the global rows work; `last_block`: the block is
shorter than the array), its column stands for no offset of the band (`idle_columns`), or its key is outside
the sequence, the image or the band (`masked`). PEs of global rows and columns without a pair are
`idle_global`. Between the phases all compute exponentials and sums, between tiles they are flushed or
drained, and a stall stops them all.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.salo.config import PassOverlap, SaloConfig
from tandemsim.sim.salo.layer.layout import Layer, place_tensors
from tandemsim.sim.salo.layer.program import Program
from tandemsim.sim.salo.scheduling.schedule import Schedule

REASONS = (
    *("useful", "masked", "idle_columns", "idle_rows", "last_block", "idle_global"),
    *("exponential_sum", "flush", "drain"),
)


def multiplier_cycles(config: SaloConfig, plan: Program, stalls: dict[str, int]) -> dict[str, int]:
    """Return all multiplier-cycles of a layer by reason: `REASONS`, and then ``stall_<cause>``."""
    array, timing, layer = config.array, config.array.timing, plan.layer
    by_pe = {
        reason: (layer.head_dim + layer.value_dim) * layer.heads * count
        for reason, count in _by_pe(plan.schedule, array.rows, array.cols).items()
    }
    draining = array.drain if array.overlap is PassOverlap.DRAIN else 0
    together = {
        "exponential_sum": plan.tiles * timing.between,
        "flush": (plan.tiles - 1) * (timing.gap - draining),
        "drain": (plan.tiles - 1) * draining + timing.drain + timing.merge,
        **{f"stall_{cause}": cycles for cause, cycles in stalls.items()},
    }
    return by_pe | {reason: cycles * array.pes for reason, cycles in together.items()}


def _by_pe(schedule: Schedule, rows: int, cols: int) -> dict[str, int]:
    """Return how many PEs do what, summed over the tiles of a head."""
    queries = schedule.queries
    columns = schedule.slots.col_mask.sum(axis=1).astype(np.int64)
    without = (rows - queries) * cols
    in_band = queries * columns
    pairs = int(schedule.pairs.sum())
    of_global = int(schedule.pairs.sum() - schedule.local_pairs.sum())
    global_pes = schedule.column_keys.shape[1] * rows + schedule.row_query.shape[1] * cols
    return {
        "useful": pairs,
        "masked": int((in_band - schedule.local_pairs).sum()),
        "idle_columns": int((queries * (cols - columns)).sum()),
        "idle_rows": int(without[queries == 0].sum()),
        "last_block": int(without[queries > 0].sum()),
        "idle_global": schedule.tiles * global_pes - of_global,
    }


def dram_tensors(config: SaloConfig, plan: Program) -> dict[str, dict[str, int]]:
    """Return ``read_bytes`` and ``write_bytes`` asked for of each tensor, and its ``size_bytes``."""
    placed, t = place_tensors(config, plan.schedule, plan.layer), plan.transfers
    names = [name for name in placed.base if not name.startswith("global_") or _separate(placed.base, name)]
    names.sort(key=placed.base.__getitem__)
    starts = np.array([placed.base[name] for name in names], np.int64)
    owner = np.searchsorted(starts, t.base, side="right") - 1
    traffic: dict[str, dict[str, int]] = {}
    for place, name in enumerate(names):
        moved = t.size_bytes * (owner == place)
        read, written = int(moved[t.is_write == 0].sum()), int(moved[t.is_write == 1].sum())
        if read or written:
            size = _rows(plan.layer, name) * placed.row_bytes[name]
            traffic[name] = {"read_bytes": read, "write_bytes": written, "size_bytes": size}
    return traffic


def _separate(base: dict[str, int], name: str) -> bool:
    """Whether the projections of the global tokens are tensors of their own."""
    return base[name] != base[name.removeprefix("global_")]


def _rows(layer: Layer, name: str) -> int:
    return layer.heads * len(layer.global_tokens) if name == "global_query" else layer.rows(name)

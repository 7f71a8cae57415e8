"""Runs the tile engine's Verilog and its model on the same tiles, and compares words and cycles."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tandemsim.rtl.salo.tile_engine import TileEngine as Circuit
from tandemsim.rtl.testbench.salo import TABLES, moved
from tandemsim.rtl.testbench.salo_tiles import Heads
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo.tile_engine import NO_GAPS, Gaps, TileEngine, Transfer
from tests.cosim import harness, streams


def assert_twins(
    config: SaloConfig,
    schedule: Any,
    heads: Heads,
    simulator: str,
    gaps: Gaps = NO_GAPS,
    name: str = "tiles",
    group: int = 1,
) -> dict[str, list[Transfer]]:
    """Hold the circuit to its model: on every stream the same words in the same cycles. Return them.

    `group` heads share their keys and values.
    """
    return run(config, schedule, heads, simulator, name, gaps, group=group)["expected"]


def run(
    config: SaloConfig,
    schedule: Any,
    heads: Heads,
    simulator: str,
    name: str,
    gaps: Gaps = NO_GAPS,
    clock_alone: int = 0,
    group: int = 1,
) -> dict[str, Any]:
    """Run both and compare; return what the model expected, and cycles per second of the simulator.

    `clock_alone` cycles more run with nothing but the clock.
    """
    transfers, expected = expect(config, schedule, heads, gaps, group)
    stimulus = expected.stimulus | {"clock_alone": clock_alone}
    seen = harness.build(Circuit(config), simulator).run(stimulus, name)
    streams.assert_seen(expected, seen)
    return {"expected": transfers, "rates": seen["rates"]}


def expect(
    config: SaloConfig, schedule: Any, heads: Heads, gaps: Gaps, group: int = 1
) -> tuple[dict[str, list[Transfer]], streams.Expected]:
    """Run the model: its transfers, and what the circuit is to do."""
    transfers = TileEngine(config).run(schedule, heads, gaps, group)
    return transfers, streams.expect(config, TABLES, moved(transfers, gaps), leaving="output")


def part_of(schedule: Any, tiles: np.ndarray) -> Any:
    """Return a schedule of some adjacent tiles; the global rows begin with the first, end with the last."""
    columns = ("block", "split", "row_query", "column_keys", "source", "first", "last")
    part = SimpleNamespace(**{name: getattr(schedule, name) for name in _FIELDS})
    for name in columns:
        setattr(part, name, getattr(schedule, name)[tiles])
    part.slots = type(schedule.slots)(*(array[tiles] for array in schedule.slots))
    part.row_keys = type(schedule.row_keys)(*(array[tiles] for array in schedule.row_keys))
    part.tiles = len(tiles)
    part.row_first, part.row_last = (
        np.zeros((len(tiles), schedule.row_query.shape[1]), np.bool_) for _ in "ab"
    )
    part.row_first[0] = part.row_last[-1] = True
    return part


_FIELDS = ("seq_len", "block_rows", "private_rows", "separate_rows", "restore", "spill")

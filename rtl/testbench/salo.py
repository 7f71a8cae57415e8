"""The testbench of SALO's tile engine: random tiles of some heads, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandemsim.rtl.testbench.run import Moved, Tables
from tandemsim.rtl.testbench.salo_tiles import Heads, random_gaps, random_heads, random_tiles
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.ports import command_fields, global_output_fields, operand_fields, output_fields
from tandemsim.sim.salo.tile_engine import Gaps, TileEngine, Transfer

UNIT = "tile_engine"
TABLES: Tables = {
    "command": command_fields,
    "operands": operand_fields,
    "output": output_fields,
    "global_output": global_output_fields,
}
SOURCES = ("command", "operands")
HEADS = 4  # that follow one another where each has its own sink and size of values


def run(config: SaloConfig, tiles: int, seed: int) -> dict[str, Moved]:
    """Return what the engine does with random tiles, while the other ends of all streams pause at random."""
    schedule, heads = work(config, tiles, config.array.head_dim, seed)
    gaps = random_gaps(seed + 2)
    return moved(TileEngine(config).run(schedule, heads, gaps), gaps)


def work(config: SaloConfig, tiles: int, head_dim: int, seed: int) -> tuple[Any, Heads]:
    """Return what the engine reads of a schedule of tiles, and their heads, each of `head_dim` elements."""
    array = config.array
    most = HEADS if array.sinks or array.value_dims else 1
    heads = max(count for count in range(1, most + 1) if tiles % count == 0)
    schedule = random_tiles(array, tiles // heads, seed)
    return schedule, random_heads(config, schedule.seq_len, head_dim, apart=True, seed=seed + 1, heads=heads)


def moved(transfers: Mapping[str, Sequence[Transfer]], gaps: Gaps) -> dict[str, Moved]:
    """Return the transfers of the model, whose streams had `gaps`, a list each."""
    return {
        stream: Moved([(t.cycle, t.word) for t in found], [*getattr(gaps, stream)], stream in SOURCES)
        for stream, found in transfers.items()
    }

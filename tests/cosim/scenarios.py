"""What the tile engine is run on: random tiles back to back, and others with pauses at every stream."""

from __future__ import annotations

from typing import Any

from sim.arch.salo import SaloConfig
from sim.salo.tile_engine import Gaps
from tests.cosim import engine
from tests.cosim.tiles import random_tiles


def tiles(config: SaloConfig, count: int) -> tuple[Any, engine.Heads, Gaps]:
    """Return the schedule, operands and pauses of `count` tiles back to back."""
    schedule = random_tiles(config.array, count, seed=1)
    heads = engine.random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=2)
    return schedule, heads, Gaps()


def pauses(config: SaloConfig, count: int) -> tuple[Any, engine.Heads, Gaps]:
    """Return those of `count` tiles at whose streams the other end pauses at random."""
    schedule = random_tiles(config.array, count, seed=3)
    heads = engine.random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=4)
    return schedule, heads, engine.random_gaps(5)

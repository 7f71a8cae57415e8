"""What the tile engine is run on: random tiles back to back, with pauses at every stream, of short heads."""

from __future__ import annotations

from typing import Any

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo.tile_engine import NO_GAPS, Gaps
from tests.cosim.salo import engine
from tests.cosim.salo.tiles import random_tiles

SOME, MANY = 12, 120  # tiles in `make test`, and in `make cosim`
HEADS = 4  # that follow one another where each has its own sink and size of values

Scenario = tuple[Any, engine.Heads, Gaps]  # schedule, operands, pauses


def tiles(config: SaloConfig, count: int) -> Scenario:
    """Return `count` tiles back to back."""
    return _random(config, count, config.array.head_dim, seed=1, gaps=NO_GAPS)


def pauses(config: SaloConfig, count: int) -> Scenario:
    """Return tiles at whose streams the other end pauses at random."""
    return _random(config, count, config.array.head_dim, seed=3, gaps=engine.random_gaps(5))


def short(config: SaloConfig, count: int) -> Scenario:
    """Return tiles of heads of one element, in which whatever is a cycle late comes too late."""
    return _random(config, count, 1, seed=6, gaps=NO_GAPS)


def _random(config: SaloConfig, count: int, head_dim: int, seed: int, gaps: Gaps) -> Scenario:
    heads = HEADS if config.array.sinks or config.array.value_dims else 1
    schedule = random_tiles(config.array, count // heads, seed)
    return (
        schedule,
        engine.random_heads(config, schedule.seq_len, head_dim, apart=True, seed=seed + 1, heads=heads),
        gaps,
    )

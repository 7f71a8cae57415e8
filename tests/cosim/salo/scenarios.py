"""What the tile engine is run on: random tiles back to back, with pauses at every stream, of short heads."""

from __future__ import annotations

from typing import Any

from tandemsim.rtl.testbench.salo import work
from tandemsim.rtl.testbench.salo_tiles import Heads, random_gaps
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo.tile_engine import NO_GAPS, Gaps

SOME, MANY = 12, 120  # tiles in `make test`, and in `make cosim`

Scenario = tuple[Any, Heads, Gaps]  # schedule, operands, pauses


def tiles(config: SaloConfig, count: int) -> Scenario:
    """Return `count` tiles back to back."""
    return _random(config, count, config.array.head_dim, seed=1, gaps=NO_GAPS)


def pauses(config: SaloConfig, count: int) -> Scenario:
    """Return tiles at whose streams the other end pauses at random."""
    print("gaps of seed 5")
    return _random(config, count, config.array.head_dim, seed=3, gaps=random_gaps(5))


def short(config: SaloConfig, count: int) -> Scenario:
    """Return tiles of heads of one element, in which whatever is a cycle late comes too late."""
    return _random(config, count, 1, seed=6, gaps=NO_GAPS)


def _random(config: SaloConfig, count: int, head_dim: int, seed: int, gaps: Gaps) -> Scenario:
    return *work(config, count, head_dim, seed), gaps

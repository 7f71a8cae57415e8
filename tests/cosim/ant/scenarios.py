"""What ANT's matrix engine runs: random tiles back to back, pauses at every stream, tiles of one word."""

from __future__ import annotations

import itertools

import numpy as np

from tandemsim.rtl.testbench.ant import gaps_alone
from tandemsim.sim.ant.streams import NO_PAUSES, StreamEnds
from tandemsim.sim.ant.words import GemmTile
from tandemsim.sim.arch.ant.config import AntConfig
from tests.ant import draws

SOME, MANY = 40, 160  # tiles in `make test`, and in `make cosim`

Scenario = tuple[list[GemmTile], StreamEnds]  # tiles, the other ends of their streams


def tiles(config: AntConfig, count: int) -> Scenario:
    """Return tiles back to back, parts of sums among them, with one pair of formats after the other."""
    numbers = range(len(config.array.formats))
    pairs = [*itertools.product(numbers, numbers)]
    rng = np.random.default_rng(1)
    rng.shuffle(pairs)
    return draws.tiles(rng, config, count, pairs=[(int(one), int(other)) for one, other in pairs]), NO_PAUSES


def pauses(config: AntConfig, count: int, seed: int = 3) -> Scenario:
    """Return tiles at whose streams the other end pauses at random; print the seed."""
    print(f"pauses of seed {seed}")
    rng = np.random.default_rng(seed)
    found = draws.tiles(rng, config, count)
    gaps = draws.pauses(rng, found, config)
    return found, gaps_alone(gaps)


def short(config: AntConfig, count: int) -> Scenario:
    """Return tiles of one word, of which many follow one another on one accumulator."""
    return draws.tiles(np.random.default_rng(6), config, count, most=1), NO_PAUSES

"""What ANT's matrix engine runs: random tiles back to back, with pauses, short ones, many sums in turns."""

from __future__ import annotations

import itertools

import numpy as np

from tandemsim.rtl.testbench.ant import gaps_alone
from tandemsim.sim.ant.streams import NO_PAUSES, StreamEnd, StreamEnds
from tandemsim.sim.ant.sums import output_words
from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import AntConfig
from tests.ant import draws

SOME, MANY = 40, 120  # tiles in `make test`, and in `make cosim`
RARE = 0.1  # of the words of a stream
LONG = 600  # cycles without an output word taken: the staging buffer must fill up

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
    ends = [_paused(rng, end) for end in gaps_alone(draws.pauses(rng, found, config))]
    ends[-1].gaps[5::29] = LONG
    return found, StreamEnds(*ends)


def _paused(rng: np.random.Generator, end: StreamEnd) -> StreamEnd:
    """Return an end that pauses now and then, even where it was drawn without a pause."""
    some = rng.integers(1, 9, len(end.gaps)) * (rng.random(len(end.gaps)) < RARE)
    return end._replace(gaps=np.maximum(end.gaps, some))


def turns(config: AntConfig, count: int) -> Scenario:
    """Return parts of many sums that take turns, so that no two may share an accumulator."""
    rng = np.random.default_rng(8)
    low, high = 0, config.accumulator_rows
    sums: list[GemmCommand] = []
    while len(sums) < count // 2:
        made = draws.tile(rng, config, 3, first=True, leaves=False)
        words = output_words(made.command, config)
        if low + words > high:
            break
        base = low if len(sums) % 2 == 0 else high - words
        low, high = (low + words, high) if len(sums) % 2 == 0 else (low, base)
        sums.append(made.command._replace(base=base))
    found: list[GemmTile] = []
    rounds = max(2, count // len(sums))
    for turn in range(rounds):
        for place in rng.permutation(len(sums)).tolist():
            part = draws.tile(rng, config, 3, turn == 0, turn == rounds - 1, sums[place])
            found.append(part)
    return found, NO_PAUSES


def short(config: AntConfig, count: int) -> Scenario:
    """Return tiles of one word, of which many follow one another on one accumulator."""
    return draws.tiles(np.random.default_rng(6), config, count, most=1), NO_PAUSES

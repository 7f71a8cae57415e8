"""Random tiles back to back, streams that pause at random: every word in its cycle, on every simulator."""

import pytest

from tests.cosim import engine
from tests.cosim.configs import CONFIGS
from tests.cosim.sample import ARRAYS, ON_EACH, ON_EVERY, WHOLE
from tests.cosim.tiles import random_tiles

TILES = 120 if WHOLE else 12


def assert_twins(name, simulator, seed, gaps, run):
    config = CONFIGS[name]
    schedule = random_tiles(config.array, TILES, seed)
    heads = engine.random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=seed + 1)
    engine.assert_twins(config, schedule, heads, simulator, gaps, run)


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
def test_random_tiles_give_the_same_words_in_the_same_cycles(name, simulator):
    assert_twins(name, simulator, 1, engine.NO_GAPS, "tiles")


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
def test_pauses_at_every_stream_lose_nothing_and_are_foreseen(name, simulator):
    assert_twins(name, simulator, 3, engine.random_gaps(5), "pauses")


@ON_EVERY
def test_every_simulator_that_is_here_says_the_same(simulator):
    assert_twins("bare", simulator, 6, engine.random_gaps(7), "every")

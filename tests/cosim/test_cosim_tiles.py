"""Random tiles back to back, streams that pause at random: every word in its cycle, on every simulator."""

import os

import pytest

from tests.cosim import engine, simulators
from tests.cosim.configs import CONFIGS
from tests.cosim.tiles import random_tiles

# `make cosim` asks for all; `make test` takes a sample.
TILES = 240 if os.environ.get("TANDEM_COSIM") else 24
EVERY = pytest.mark.parametrize("simulator", simulators.found())


@EVERY
@pytest.mark.parametrize("name", CONFIGS)
def test_random_tiles_give_the_same_words_in_the_same_cycles(name, simulator):
    config = CONFIGS[name]
    schedule = random_tiles(config.array, TILES // 2, seed=1)
    heads = engine.random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=2)
    engine.assert_twins(config, schedule, heads, simulator, name="tiles")


@EVERY
@pytest.mark.parametrize("name", CONFIGS)
def test_pauses_at_every_stream_lose_nothing_and_are_foreseen(name, simulator):
    config = CONFIGS[name]
    schedule = random_tiles(config.array, TILES // 2, seed=3)
    heads = engine.random_heads(config, schedule.seq_len, config.array.head_dim, apart=True, seed=4)
    engine.assert_twins(config, schedule, heads, simulator, engine.random_gaps(5), name="pauses")

"""Random tiles back to back, streams that pause at random: every word in its cycle, on every simulator."""

import pytest

from tests.cosim.salo import engine, scenarios
from tests.cosim.salo.configs import CONFIGS, SINKS
from tests.cosim.sample import ARRAYS, ON_EACH, ON_EVERY, WHOLE

TILES = scenarios.MANY if WHOLE else scenarios.SOME


def assert_twins(name, simulator, scenario, run):
    schedule, heads, gaps = scenario(CONFIGS[name], TILES)
    engine.assert_twins(CONFIGS[name], schedule, heads, simulator, gaps, run)


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
def test_random_tiles_give_the_same_words_in_the_same_cycles(name, simulator):
    assert_twins(name, simulator, scenarios.tiles, "tiles")


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
def test_pauses_at_every_stream_lose_nothing_and_are_foreseen(name, simulator):
    assert_twins(name, simulator, scenarios.pauses, "pauses")


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
def test_heads_of_one_element_leave_no_cycle_to_spare(name, simulator):
    assert_twins(name, simulator, scenarios.short, "short")


@ON_EACH
@pytest.mark.parametrize("name", SINKS)
def test_rows_begin_with_the_sink_of_their_head_and_values_have_a_size_of_their_own(name, simulator):
    """Heads back to back, each with another sink, one without, each with other values; streams pause."""
    assert_twins(name, simulator, scenarios.pauses, "sinks")


@ON_EVERY
def test_every_simulator_that_is_here_says_the_same(simulator):
    assert_twins("bare", simulator, scenarios.pauses, "every")

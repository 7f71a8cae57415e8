"""ANT's matrix engine: random tiles back to back, streams that pause, every word in its cycle."""

import os

import pytest

from tandemsim.sim.arch.ant.config import Dataflow
from tests.ant import draws
from tests.cosim import simulators
from tests.cosim.ant import gemm, scenarios
from tests.cosim.ant.configs import CLASS_A, CONFIGS
from tests.cosim.sample import ON_EACH, ON_EVERY, WHOLE
from tests.rtl.ant import extremes

TILES = scenarios.MANY if WHOLE else scenarios.SOME
ARRAYS = [*CONFIGS] if WHOLE else ["weights", "sums_drain", "nvfp4"]
SCENARIOS = {
    each.__name__: each for each in (scenarios.tiles, scenarios.pauses, scenarios.short, scenarios.turns)
}


@ON_EACH
@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_random_tiles_of_ant_give_the_same_words_in_the_same_cycles(name, simulator, scenario):
    tiles, ends = SCENARIOS[scenario](CONFIGS[name], TILES)
    gemm.assert_twins(CONFIGS[name], tiles, simulator, ends, scenario)


@ON_EVERY
def test_every_simulator_that_is_here_says_the_same_of_ant(simulator):
    tiles, ends = scenarios.pauses(CONFIGS["one"], TILES)
    gemm.assert_twins(CONFIGS["one"], tiles, simulator, ends, "every")


@pytest.mark.skipif(not WHOLE, reason="builds of some seconds each: make cosim")
@ON_EACH
@pytest.mark.parametrize("seed", range(6))
def test_arrays_at_their_ends_are_their_models(seed, simulator):
    """One PE, one format, room for one word, feet of one bit, as `extremes` draws them."""
    config = extremes.config(seed)
    for scenario in (scenarios.pauses, scenarios.short):
        tiles, ends = scenario(config, scenarios.SOME)
        gemm.assert_twins(config, tiles, simulator, ends, scenario.__name__)


@pytest.mark.parametrize("name", ["weights", "sums"])
def test_forty_pairs_of_formats_are_among_the_tiles(name):
    tiles, _ = scenarios.tiles(CONFIGS[name], scenarios.MANY)
    found = {(tile.command.activation_format, tile.command.weight_format) for tile in tiles}
    assert len(found) >= 40
    operands = [CONFIGS[name].array.operands_of(form) for form in CONFIGS[name].array.code_formats]
    assert {(operands[one], operands[other]) for one, other in found} == {(1, 1), (1, 2), (2, 1), (2, 2)}


@pytest.mark.skipif(not os.environ.get("FULL"), reason="FULL=1 runs an array of 32 x 32 PEs")
@pytest.mark.skipif("verilator" not in simulators.found(), reason=simulators.NONE_FOUND)
@pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY])
def test_an_array_of_32_by_32_pes_is_its_model_too(flow):
    config = draws.config(words=90, rows=32, cols=32, formats=CLASS_A, dataflow=flow)
    tiles, ends = scenarios.pauses(config, 60)
    gemm.assert_twins(config, tiles, "verilator", ends, "full")

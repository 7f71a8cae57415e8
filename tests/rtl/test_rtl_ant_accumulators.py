"""Accumulators at ANT's foot, cycle by cycle: what one tile writes is what the next one adds to.

Random tiles rarely have it: one word, on the address of the tile before, in the very next cycle.
"""

import itertools

import pytest

from tandemsim.rtl.ant.foot import Foot
from tandemsim.sim.ant.foot import FootInputs
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import Dataflow
from tests.ant import draws
from tests.rtl import bench

LATENCY = 2  # cycles from sums to their word
FLOWS = pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY])


def config_of(flow):
    return draws.config(rows=2, cols=1, pe_bits=8, formats=("int8",), dataflow=flow)


def words(flow, tiles):
    """Return cycle and sum of each word that leaves, of tiles (cycle, sum, address, first, leaves)."""
    by_cycle = {cycle: rest for cycle, *rest in tiles}
    idle = FootInputs((99,), False, False, GemmCommand(1, 1, 1, 0, 0, True, False, 0))
    inputs = []
    for cycle in range(max(by_cycle) + LATENCY + 2):
        if cycle in by_cycle:
            total, base, first, leaves = by_cycle[cycle]
            command = GemmCommand(1, 1, 1, 0, 0, first, leaves, base)
            inputs.append(FootInputs((total,), True, True, command))
        else:
            inputs.append(idle)
    shown = bench.run(Foot(config_of(flow)), inputs)
    return [(cycle, each["word"]) for cycle, each in enumerate(shown) if each["word_valid"]]


@FLOWS
@pytest.mark.parametrize("gaps", [*itertools.product(range(3), repeat=2)])
def test_a_sum_is_what_all_its_tiles_add_however_close_they_are(flow, gaps):
    """Three tiles of one word on one address, the first on what others have left there."""
    second, third = 1 + gaps[0], 2 + sum(gaps)
    parts = [(3, 100, 7, True, False), (3 + second, 20, 7, False, False), (3 + third, 3, 7, False, True)]
    left = [(0, 5000, 7, True, False)]
    assert words(flow, left + parts) == [(3 + third + LATENCY, 123)]


@FLOWS
def test_addresses_that_take_turns_keep_their_own_sums(flow):
    """Two sums, a tile of each in every other cycle."""
    tiles = [(cycle, 10 ** (cycle // 2), 4 + cycle % 2, cycle < 2, cycle >= 6) for cycle in range(8)]
    assert words(flow, tiles) == [(6 + LATENCY, 1111), (7 + LATENCY, 1111)]


@FLOWS
def test_a_word_that_leaves_leaves_what_was_written_before(flow):
    """What has left is not written: a later tile adds to what stayed."""
    tiles = [(0, 50, 2, True, False), (1, 6, 2, False, True), (2, 1, 2, False, True)]
    assert words(flow, tiles) == [(1 + LATENCY, 56), (2 + LATENCY, 51)]

"""Arrays in which parts are missing or have one of each: heads of one element, one PE, narrow formats."""

from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values import functional
from tandemsim.sim.salo.values.tensors import random_tensors
from tandemsim.traces.pattern import Pattern
from tests.cosim.salo import engine, scenarios
from tests.cosim.salo.configs import small
from tests.cosim.sample import ON_EACH, WHOLE
from tests.rtl.salo import extremes

DEFERRED, PER_PASS = Normalisation.DEFERRED, Normalisation.PER_PASS
ONE_PE = {"rows": 1, "cols": 1, "head_dim": 1, "global_rows": 0, "global_cols": 0}
ARRAYS = {
    "one PE": small(PUBLISHED, tiles=1, **ONE_PE, normalisation=DEFERRED),
    "one PE, dividing in each pass": small(PUBLISHED, tiles=1, **ONE_PE, normalisation=PER_PASS),
    "one of each part": small(PUBLISHED, tiles=1, rows=1, cols=1, head_dim=1, normalisation=PER_PASS),
    **{f"seed {seed}": extremes.config(seed) for seed in range(6)},
}
CHOSEN = [*ARRAYS] if WHOLE else ["one PE"]
TILES = scenarios.MANY if WHOLE else scenarios.SOME


@ON_EACH
@pytest.mark.parametrize("name", CHOSEN)
def test_the_smallest_arrays_give_the_words_of_their_models_in_their_cycles(name, simulator):
    config = ARRAYS[name]
    plan, heads, gaps = scenarios.pauses(config, TILES)
    engine.assert_twins(config, plan, heads, simulator, gaps, "extremes")


@pytest.mark.skipif(not WHOLE, reason="a build of half a minute: make cosim")
@ON_EACH
def test_a_layer_of_heads_of_one_element_gives_the_bits_of_functional(simulator):
    """Two heads of 200 tokens, 8 keys to either side: every element of every output, on 2 x 2 PEs."""
    pattern = Pattern.sliding(200, 16)
    config = small(PUBLISHED, rows=2, cols=2, head_dim=1, normalisation=DEFERRED)
    config = replace(config, scheduling=replace(config.scheduling, leftover_keys=False))
    plan = schedule(pattern, config.array, config.scheduling)
    tensors = random_tensors(2, pattern.seq_len, 1, seed=1)
    heads = [functional.operands(tensors, head, (), config)[0] for head in range(2)]

    words = engine.assert_twins(config, plan, heads, simulator, name="layer")["output"]

    wanted = functional.attend(plan, (), tensors, config)[0]
    rows = [plan.block_rows[plan.block[tile]] for tile in range(plan.tiles) if plan.last[tile]]
    found = np.full(wanted.shape, np.nan)
    for (head, queries), transfer in zip(
        [(head, queries) for head in range(2) for queries in rows], words, strict=True
    ):
        for query, value in zip(queries, transfer.word.rows, strict=True):
            if query >= 0:
                found[head, query, 0] = config.numerics.output.dequantize(value)
    np.testing.assert_array_equal(found, wanted)

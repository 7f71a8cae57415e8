"""Attention layers on the exported array: the bits of `--functional`, in the cycles that `sim` reports."""

import os
from dataclasses import replace

import numpy as np
import pytest

from tandemsim.rtl.testbench.salo_tiles import random_heads
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import STAGING_LATENCY
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.tile_words import commands
from tandemsim.sim.salo.values import functional
from tandemsim.sim.salo.values.tensors import random_tensors
from tandemsim.traces.pattern import Band, Pattern
from tests.cosim import simulators
from tests.cosim.salo import engine
from tests.cosim.salo.configs import small
from tests.cosim.sample import ON_EACH, SIDE, WHOLE

HEADS, HEAD_DIM = 2, 16
# A memory that never waits: what is left are the cycles of the array.
FAST = replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)
PATTERNS = {
    "longformer": Pattern.longformer(64, 16, (0,)),
    "vil": Pattern.vil(8, 8, 3),
    "dilated": Pattern(seq_len=48, bands=(Band(-6, 6, 3),), global_tokens=(0,)),
}
ARRAYS = {
    "deferred": {"normalisation": Normalisation.DEFERRED, "column_segments": 2},
    "per_pass": {"normalisation": Normalisation.PER_PASS},
}

ALL = [(name, normalisation) for name in PATTERNS for normalisation in ARRAYS]
LAYERS = ALL if WHOLE else [("longformer", "deferred"), ("vil", "deferred")]


def outputs_of(transfers, plan, numerics):
    """Gather what left the streams of HEADS heads to [heads, seq_len, head_dim]."""
    found = np.zeros((HEADS, plan.seq_len, HEAD_DIM), np.int64)
    local = [plan.block_rows[plan.block[t]] for t in range(plan.tiles) if plan.last[t]]
    ends = [
        np.where(plan.row_last[t], plan.row_query[t], -1) for t in range(plan.tiles) if plan.row_last[t].any()
    ]
    for name, queries in (("output", local), ("global_output", ends)):
        assert len(transfers[name]) == HEADS * len(queries) * HEAD_DIM
        for index, transfer in enumerate(transfers[name]):
            tile, n = divmod(index, HEAD_DIM)
            head, place = divmod(tile, len(queries))
            for row, query in enumerate(queries[place]):
                if query >= 0:
                    found[head, query, n] = transfer.word.rows[row]
    return numerics.output.dequantize(found)


@ON_EACH
@pytest.mark.parametrize(("name", "normalisation"), LAYERS)
def test_a_layer_gives_the_bits_of_functional_in_the_cycles_of_the_machine(name, normalisation, simulator):
    pattern, numerics = PATTERNS[name], PUBLISHED if normalisation == "per_pass" else WIDE
    config = small(numerics, rows=SIDE, cols=SIDE, head_dim=HEAD_DIM, **ARRAYS[normalisation])
    config = replace(config, dram=FAST)
    tokens = pattern.global_tokens
    plan = schedule(pattern, config.array, config.scheduling)
    tensors = random_tensors(HEADS, pattern.seq_len, HEAD_DIM, seed=1)
    heads = [functional.operands(tensors, head, tokens, config)[0] for head in range(HEADS)]

    transfers = engine.assert_twins(config, plan, heads, simulator, name=f"{name}-{normalisation}")

    out = functional.attend(plan, tokens, tensors, config)[0]
    np.testing.assert_array_equal(outputs_of(transfers, plan, numerics), out)
    layer = simulate_layer(config, pattern, Layer(HEADS, HEAD_DIM, pattern.seq_len, tokens))
    last = max(transfer.cycle for name in ("output", "global_output") for transfer in transfers[name])
    array = config.array
    waited = sum(layer.stalls.values()) - layer.stalls["write_back"]  # for the first words, a cycle or two
    assert 0 <= waited <= 2 * HEADS
    assert last + 1 == layer.times.tile_end[-1] - waited + array.last_output
    assert layer.compute_cycles == last - STAGING_LATENCY - array.reciprocal_latency


@pytest.mark.skipif(not os.environ.get("FULL"), reason="32 x 32 PEs take minutes: make cosim FULL=1")
@pytest.mark.parametrize("config", [SALO, SALO_DAC22], ids=["salo", "salo-dac22"])
@pytest.mark.parametrize("simulator", simulators.found()[-1:])  # Verilator where it is
def test_a_block_of_longformer_on_the_array_of_a_preset(config, simulator):
    """4,096 tokens, 513 keys: the block of queries 2,048 to 2,079, and the global row beside it."""
    pattern = Pattern.longformer(4096, 512, (0,))
    plan = schedule(pattern, config.array, config.scheduling, global_projections=True)
    block = int(np.flatnonzero((plan.block_rows == 2048).any(axis=1))[0])
    tiles = np.flatnonzero(plan.block == block)
    part = engine.part_of(plan, tiles)
    heads = random_heads(config, pattern.seq_len, config.array.head_dim, apart=True, seed=1)
    engine.assert_twins(config, part, heads, simulator, name="block")


def test_a_schedule_of_several_sweeps_is_refused():
    config = small(PUBLISHED, rows=4, cols=4, head_dim=4)
    pattern = Pattern(seq_len=20, bands=(Band(-4, 0, 1), Band(-16, 0, 4)))
    (head,) = random_heads(config, 20, 4, apart=False, seed=1)
    with pytest.raises(
        ConfigError, match=r"^the SALO circuit merges a query's tiles in one sweep, not in several$"
    ):
        commands(schedule(pattern, config.array, config.scheduling), config, head)

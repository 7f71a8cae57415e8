"""Attention of language models on the exported array: causal windows, offsets, sinks, heads that share keys.

The bits of `--functional`, in the cycles that `sim` reports.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import STAGING_LATENCY
from tandemsim.sim.arch.salo.numerics import WIDE, Normalisation
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.order import tile_order
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values import functional
from tandemsim.sim.salo.values.tensors import random_tensors
from tandemsim.traces.pattern import Blocks, Pattern
from tests.cosim.salo import engine
from tests.cosim.salo.configs import small
from tests.cosim.sample import ON_EACH, SIDE, WHOLE

FAST = replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)


class Case(NamedTuple):
    pattern: Pattern
    heads: int = 2
    kv_heads: int = 1
    head_dim: int = 16
    sinks: bool = True
    side: int = SIDE
    v_dim: int = 16


CASES = {
    "causal window": Case(Pattern.causal_window(48, 12)),
    "prefill with an offset": Case(Pattern.causal_window(48, 20, q_len=20, q_offset=28)),
    "sink tokens": Case(Pattern.causal_window(40, 10, sinks=3), heads=4, kv_heads=2, sinks=False),
    "decode": Case(Pattern.causal_window(40, 24, q_len=1, q_offset=39), heads=3),
    "full causal": Case(Pattern.causal_window(32, 32), sinks=False),
    "chunks": Case(Pattern.chunked(40, 12)),
    "prefix": Case(Pattern(seq_len=32, bands=((-31, 0, 1),), sink_tokens=tuple(range(9)))),
    "blocks": Case(Pattern(seq_len=32, causal=True, blocks=Blocks(16, 8, ((0, 1), (0, 3, 2))))),
    "neighborhood": Case(Pattern.neighborhood(6, 6, 3)),
    "long heads": Case(Pattern.causal_window(24, 8), head_dim=128, v_dim=128, side=4),
    "short values": Case(Pattern.causal_window(48, 12), head_dim=12, v_dim=5),
    "long values": Case(Pattern.causal_window(48, 12), head_dim=5, v_dim=12),
}
CHOSEN = CASES if WHOLE else ("prefill with an offset", "sink tokens", "prefix")


def outputs_of(transfers, plan, case, numerics):
    """Gather what left the output stream, head by head in turn, to [heads, queries, v_dim]."""
    order = tile_order(plan, case.heads, case.heads // case.kv_heads)
    leaving = [(head, tile) for head, tile in zip(order.head, order.tile, strict=True) if plan.last[tile]]
    assert len(transfers["output"]) == len(leaving) * case.v_dim and not transfers["global_output"]
    found = np.zeros((case.heads, plan.q_len, case.v_dim), np.int64)
    for index, transfer in enumerate(transfers["output"]):
        place, n = divmod(index, case.v_dim)
        head, tile = leaving[place]
        for row, query in enumerate(plan.block_rows[plan.block[tile]]):
            if query >= 0:
                found[head, query, n] = transfer.word.rows[row]
    return numerics.output.dequantize(found)


@ON_EACH
@pytest.mark.parametrize("name", CHOSEN)
def test_the_circuit_computes_what_language_models_ask_for(name, simulator):
    case = CASES[name]
    pattern, shape = case.pattern, {"rows": case.side, "cols": case.side, "column_segments": 2}
    array = shape | {"head_dim": max(case.head_dim, case.v_dim), "normalisation": Normalisation.DEFERRED}
    has_own_size = case.v_dim != case.head_dim
    config = replace(small(WIDE, **array, sinks=True, value_dims=has_own_size), dram=FAST)
    plan = schedule(pattern, config.array, config.scheduling)
    tensors = random_tensors(
        case.heads,
        pattern.seq_len,
        case.head_dim,
        seed=2,
        kv_heads=case.kv_heads,
        q_len=pattern.q_len,
        v_dim=case.v_dim,
        sinks=case.sinks,
    )
    heads = [functional.operands(tensors, head, (), config)[0] for head in range(case.heads)]
    group = case.heads // case.kv_heads

    transfers = engine.assert_twins(config, plan, heads, simulator, name=name.replace(" ", "-"), group=group)

    out = functional.attend(plan, (), tensors, config)[0]
    np.testing.assert_array_equal(outputs_of(transfers, plan, case, WIDE), out)
    layer = Layer(
        case.heads,
        case.head_dim,
        pattern.seq_len,
        (),
        kv_heads=case.kv_heads,
        v_dim=case.v_dim,
        q_len=pattern.q_len,
    )
    found = simulate_layer(config, pattern, layer)
    last = max(transfer.cycle for transfer in transfers["output"])
    assert found.compute_cycles == last - STAGING_LATENCY - config.array.reciprocal_latency

"""Tiles, blocks and whole heads on the exported array: the same words in the same cycles as the model says."""

from dataclasses import replace

import numpy as np
import pytest

from rtl.salo.tile_engine import TileEngine as Circuit
from sim.arch.presets import SALO
from sim.arch.salo_numerics import NUMERICS, Normalisation
from sim.arch.salo_ports import command_fields, global_output_fields, operand_fields, output_fields
from sim.salo.row import projection
from sim.salo.schedule import schedule
from sim.salo.tile_engine import Gaps, TileEngine
from tests.cosim import harness, simulators
from traces.pattern import Pattern

TABLES = {
    "command": command_fields,
    "operands": operand_fields,
    "output": output_fields,
    "global_output": global_output_fields,
}


def assert_same_words_in_the_same_cycles(config, plan, operands, simulator, gaps=Gaps(), name="head"):
    expected = TileEngine(config).run(plan, *operands, gaps=gaps)
    streams = {}
    for stream, transfers in expected.items():
        given = {"gaps": list(getattr(gaps, stream))}
        if stream in ("command", "operands"):
            given["words"] = [hex(harness.pack(TABLES[stream](config), t.word)) for t in transfers]
        else:
            given["count"] = len(transfers)
        streams[stream] = given
    last = max(t.cycle for transfers in expected.values() for t in transfers)
    stimulus = {"streams": streams, "limit": last + 2 * harness.QUIET, "quiet": harness.QUIET}
    seen = harness.build(Circuit(config), simulator).run(stimulus, name)
    for stream, transfers in expected.items():
        fields = TABLES[stream](config)
        found = [(cycle, int(word, 16)) for cycle, word in seen.get(stream, [])]
        wanted = [(t.cycle, harness.pack(fields, t.word)) for t in transfers]
        for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
            assert one == other, (
                f"{stream} {index}: circuit in cycle {one[0]} {harness.unpack(fields, one[1])},"
                f" model in {other[0]} {harness.unpack(fields, other[1])}"
            )
        assert len(found) == len(wanted), stream
    return last


def operands_for(plan, pattern, head_dim, numerics, seed=0):
    rng = np.random.default_rng(seed)
    shape = (pattern.seq_len, head_dim)
    raw = [[numerics.stored.quantize(rng.standard_normal(shape))[0] for _ in range(3)] for _ in range(2)]
    return [projection(*raw[0]), projection(*raw[1]) if plan.separate_rows else None]


@pytest.mark.parametrize("simulator", simulators.found())
def test_small(simulator):
    config = replace(SALO, array=replace(SALO.array, rows=4, cols=4, head_dim=8))
    pattern = Pattern.longformer(32, 8, (0,))
    plan = schedule(pattern, config.array, config.scheduling, global_projections=True)
    assert_same_words_in_the_same_cycles(
        config, plan, operands_for(plan, pattern, 8, config.numerics), simulator
    )

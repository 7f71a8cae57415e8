"""The attention array of `ant+salo` is that of `salo`: alone, its tensors in DRAM, it takes the same cycles.

The event loop of the ANT machine is another than SALO's. Both run the same tiles and transfers of a layer;
every start of a phase, and every cycle in which a transfer is issued or complete, must be equal.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandemsim.sim.ant.loop import NONE, Engine
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.program import assembled
from tandemsim.sim.ant.simulation import AntRun, run_program
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.fused.windows import add_windows, windows_of
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.salo.layer.layout import place_tensors
from tandemsim.sim.salo.layer.simulation import LayerResult
from tandemsim.sim.salo.machine import case_of, simulate_op
from tandemsim.traces.schema import Trace

PATTERNS = (
    "longformer:300,32",
    "sliding:200,33",
    "sliding:40,15",
    "dilated:260,17,3",
    "vil:14,14,7",
    "strided_sparse:150,8,8",
)
MEMORIES = ("ideal", "ddr4-2400", "hbm2")


def both(trace: Trace, config: FusedConfig) -> tuple[AntRun, LayerResult]:
    """Run one attention in either loop."""
    (op,) = trace.ops
    salo = config.salo_config
    widths = 8 * salo.element_bytes, 8 * salo.output_bytes
    lowering = Lowering(trace, trace.ops, {}, 1, config.ant.array, {op.id: widths})
    windows = windows_of(salo, case_of(op, 1))
    planner = Planner(config.ant_config, lowering)
    nothing = np.full(len(windows.after), NONE), np.zeros(len(windows.after), np.int64)
    bases = place_tensors(salo, windows.program.schedule, windows.program.layer).base
    add_windows(planner, 0, windows, bases, {}, nothing, heads=1, earlier=None)
    run = run_program(lowering, assembled(planner), config.dram, config.cycle_ps, lambda *_: None)
    return run, simulate_op(op, salo)


def differences(run: AntRun, alone: LayerResult) -> dict[str, int]:
    """Return how many cycles of each kind differ."""
    program, times = run.program, run.plan.times
    tasks = slice(int(program.first[Engine.ATTENTION]), None)
    found = {
        "qk": times.start[tasks][0::2] - alone.times.tile_start,
        "pv": times.start[tasks][1::2] - alone.times.pv_start,
        "end": times.end[tasks][1::2] - alone.times.tile_end,
        "issued": times.issued - alone.times.transfer_issued,
        "complete": times.complete - alone.times.transfer_end,
    }
    return {name: int(np.count_nonzero(column)) for name, column in found.items()}


NO_DIFFERENCE = dict.fromkeys(("qk", "pv", "end", "issued", "complete"), 0)


@pytest.mark.parametrize(("pattern", "memory"), list(product(PATTERNS, MEMORIES)))
def test_every_tile_and_transfer_has_the_cycles_of_salo_alone(pattern: str, memory: str) -> None:
    config = FUSED_FAMILY.config(None, {"memory": memory})
    trace = pattern_trace(pattern, heads=3, head_dim=64)
    run, alone = both(trace, config)
    assert len(alone.times.tile_end) > 3 and differences(run, alone) == NO_DIFFERENCE


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "salo.array.rows": st.sampled_from([4, 8, 16]),
        "salo.array.cols": st.sampled_from([4, 8, 32]),
        "salo.array.normalisation": st.sampled_from(["per_pass", "deferred"]),
        "salo.array.overlap": st.sampled_from(["drain", "pipelined"]),
        "salo.array.global_projections": st.sampled_from(["shared", "separate", "private"]),
        "salo.key_scratchpad.buffering": st.sampled_from(["circular", "double"]),
        "memory": st.sampled_from(MEMORIES),
        "clock_hz": st.sampled_from([250_000_000, 1_000_000_000]),
    },
)


@given(
    SETTINGS,
    st.sampled_from(PATTERNS),
    st.sampled_from([(1, 8), (3, 16), (4, 32)]),
    st.sampled_from([0, 1, 2]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_setting_makes_a_difference(
    given_settings: dict[str, object], pattern: str, heads: tuple[int, int], global_tokens: int
) -> None:
    options = {} if pattern.startswith(("strided_sparse",)) else {"global_tokens": global_tokens}
    try:
        config = FUSED_FAMILY.config(None, given_settings)
        trace = pattern_trace(pattern, heads=heads[0], head_dim=heads[1], **options)
        run, alone = both(trace, config)
    except ConfigError:
        return  # SALO by itself refuses it, too: sim.salo raises both
    assert differences(run, alone) == NO_DIFFERENCE

"""The machine of both arrays beyond its preset: any valid config runs, or says in one line why not."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.machines.fused.small import small_trace
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.schema import Trace
from tests.fused.model import longformer_layer

BYTES = st.sampled_from([1, 100, 1000, 10_000, 1 << 16])
OF_SALO = st.sampled_from([64, 1024, 4096, 1 << 16])
SIDES = st.sampled_from([2, 4, 16, 64])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **{f"ant.{pad}_scratchpad.capacity_bytes": BYTES for pad in ("activation", "weight", "accumulator")},
    **{f"ant.{pad}_scratchpad.capacity_bytes": BYTES for pad in ("residual", "output", "vector")},
    **{f"salo.{pad}_scratchpad.capacity_bytes": OF_SALO for pad in ("query", "key", "value", "global")},
    **dict.fromkeys(("ant.array.rows", "ant.array.cols", "salo.array.rows", "salo.array.cols"), SIDES),
    "dataflow": st.sampled_from(["ws", "os", "is"]),
    "schedule": st.sampled_from(["drain", "pipelined"]),
    "ant.array.pe_bits": st.sampled_from([4, 8]),
    "salo.array.head_dim": st.sampled_from([8, 16, 64]),
    "salo.array.global_rows": st.sampled_from([0, 1]),
    "salo.array.global_projections": st.sampled_from(["shared", "separate", "private"]),
    "salo.array.normalisation": st.sampled_from(["per_pass", "deferred"]),
    "salo.array.column_segments": st.sampled_from([1, 2]),
}
CONFIGS = st.fixed_dictionaries({}, optional=FIELDS)
TRACES = (
    longformer_layer(),
    small_trace(),
    pattern_trace("longformer:300,32", heads=2, head_dim=16),
    pattern_trace("vil:10,10,5", heads=2, head_dim=16),
    pattern_trace("causal:200,40", heads=4, head_dim=16, kv_heads=2),
)


def answer(trace: Trace, given_settings: dict[str, object], batch: int, bandwidth: int) -> Report:
    memory = {"memory": "ideal", "dram.bandwidth_bytes_per_second": bandwidth}
    request = Request(
        workload="x", trace=trace, machine="ant+salo", settings={**given_settings, **memory}, batch=batch
    )
    return simulate(request).report


@given(CONFIGS, st.sampled_from(TRACES), st.sampled_from([1, 2]))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_valid_config_runs_or_says_why_not(
    given_settings: dict[str, object], trace: Trace, batch: int
) -> None:
    try:
        slow = answer(trace, given_settings, batch, 19_200_000_000)
    except UserError as error:
        message = str(error)
        assert "\n" not in message
        return
    assert slow.cycles == slow.compute_cycles + sum(slow.stall_cycles.values())
    assert slow.macs + slow.macs_not_run == batch * trace.macs
    assert answer(trace, given_settings, batch, 512_000_000_000).cycles <= slow.cycles

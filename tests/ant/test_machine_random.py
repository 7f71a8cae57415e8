"""The machine `ant` beyond its presets: any valid config runs any small op or says in one line why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal
from tests.examples import some_of

SIDES = st.sampled_from([1, 2, 3, 7, 63, 64, 65, 130])
BYTES = st.sampled_from([1, 2, 100, 1000, 10_000, 1 << 20])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("array.rows", "array.cols"), st.sampled_from([1, 2, 4, 6, 64, 128, 1024])),
    **{f"{pad}_scratchpad.capacity_bytes": BYTES for pad in ("activation", "weight", "accumulator")},
    **{f"{pad}_scratchpad.capacity_bytes": BYTES for pad in ("residual", "output", "vector")},
    "dataflow": st.sampled_from(["ws", "os", "is"]),
    "schedule": st.sampled_from(["drain", "pipelined"]),
    "array.pe_bits": st.sampled_from([4, 8]),
    "array.foot_width": st.sampled_from([1, 20, 48]),
    "array.overflow": st.sampled_from(["refuse", "saturate"]),
    "vector.lanes": st.sampled_from([1, 3, 65536]),
    "vector.block_rows": st.sampled_from([1, 7, 65536]),
    "memory": st.sampled_from(["ideal", "ddr4-2400", "hbm2"]),
}

BITS = st.sampled_from(["4", "8", "mxfp4", "nvfp4", "mxint8"])
CONFIGS = st.fixed_dictionaries({}, optional=FIELDS)
SCHEDULES = st.fixed_dictionaries({}, optional={name: FIELDS[name] for name in ("dataflow", "schedule")})


def one_op(kind: str, dims: dict[str, Any], *shapes: tuple[int, ...]) -> Trace:
    """Return a trace of one op; the last shape is that of its result."""
    roles = ["input", *["weight"] * (len(shapes) - 2), "output"]
    tensors = [
        Tensor(id=i, shape=shape, dtype="float32", role=role)  # type: ignore[arg-type]
        for i, (shape, role) in enumerate(zip(shapes, roles, strict=True))
    ]
    inputs = tuple(range(len(shapes) - 1))
    op = Op(
        id=0,
        kind=kind,
        name="op",
        inputs=inputs,
        outputs=(len(inputs),),
        dims=dims,
        macs=macs(kind, dims, {}),
    )
    source = Source(model="one", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=[op])


def of_blocks(chosen: dict[str, Any], bits: str) -> dict[str, Any]:
    """Add the elements of block formats to what the array decodes."""
    return chosen if bits in ("4", "8") else {**chosen, "array.formats": "int4,int8,int8u,e2m1"}


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    m, n, k = (draw(SIDES) for _ in "mnk")
    which = draw(st.sampled_from(["gemm", "conv", "softmax", "pool", "attention", "window", "small"]))
    if which == "gemm":
        return one_op("gemm", {"m": m, "n": n, "k": k}, (m, k), (k, n), (m, n))
    if which == "conv":
        groups, side = draw(st.sampled_from([1, 3])), min(m, 20) + 3
        dims = {"batch": 1, "in_channels": 2 * groups, "out_channels": groups, "height": side, "width": side}
        dims |= {"kernel_h": 3, "kernel_w": 1, "stride_h": 2, "groups": groups}
        out = (1, groups, (side - 3) // 2 + 1, side)
        return one_op("conv2d", dims, (1, 2 * groups, side, side), (groups, 2, 3, 1), out)
    if which == "softmax":
        return one_op("softmax", {"elements": m * n, "reduced": n}, (m, n), (m, n))
    if which == "pool":
        return one_op("pool", {"elements": m, "reduced": 9}, (9 * m,), (m,))
    if which == "attention":
        return pattern_trace(f"dense:{m}", heads=min(n, 7), head_dim=min(k, 20))
    if which == "window":
        return pattern_trace(f"sliding:{m + 3},{min(n, m) // 2 * 2 + 1}", heads=2, head_dim=min(k, 20))
    return small_trace()


@settings(max_examples=some_of(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(traces(), st.fixed_dictionaries({}, optional=FIELDS), BITS, st.sampled_from([1, 3]))
def test_a_valid_config_runs_or_says_in_one_line_why_not(
    trace: Trace, chosen: dict[str, Any], bits: str, batch: int
) -> None:
    chosen = of_blocks(chosen, bits)
    request = Request(workload="one", trace=trace, machine="ant", settings=chosen, bits=bits, batch=batch)
    try:
        report = simulate(request).report
    except UserError as error:
        said = str(error)
        if "\n" in said or len(said) > 400:
            raise
        return
    assert report.macs + report.macs_not_run == trace.macs * batch
    assert report.cycles == report.compute_cycles + sum(report.stall_cycles.values()) > 0
    assert simulate(request).report.as_json() == report.as_json()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces(), SCHEDULES, BITS)
def test_more_bandwidth_is_never_slower(trace: Trace, chosen: dict[str, Any], bits: str) -> None:
    assume(chosen.get("dataflow") != "os" or bits in ("4", "8"))
    chosen = of_blocks(chosen, bits) | {"accumulator_scratchpad.capacity_bytes": 1 << 20}
    cycles = []
    for speed in (10**9, 10**10, 10**12):
        more = {"memory": "ideal", "dram.bandwidth_bytes_per_second": speed}
        request = Request(workload="one", trace=trace, machine="ant", settings={**chosen, **more}, bits=bits)
        cycles.append(simulate(request).report.cycles)
    assert cycles == sorted(cycles, reverse=True)


def test_a_vector_scratchpad_without_halves_is_refused() -> None:
    with pytest.raises(UserError, match="^vector_scratchpad.capacity_bytes must be at least 2, for "):
        simulate(
            Request(
                workload="small", trace=small_trace(), machine="ant",
                settings={"vector_scratchpad.capacity_bytes": 1},
            )
        )  # fmt: skip

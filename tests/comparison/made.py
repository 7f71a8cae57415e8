"""Made-up reports to compare: small, of any scope, config and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tandemsim.sim.report.contract import DramTraffic, Energy, NotRun, OpReport, Report

CAUSES = ("cold_fill", "dram", "drain")
MULTIPLIERS = 64


def make_op(
    name: str = "layer.0", *, compute: int = 100, stalls: Sequence[int] = (5, 7, 0), macs: int = 640
) -> OpReport:
    return OpReport(
        name=name,
        kind="window_attention",
        cycles=compute + sum(stalls),
        compute_cycles=compute,
        stall_cycles=dict(zip(CAUSES, stalls, strict=True)),
        macs=macs,
        multipliers=MULTIPLIERS,
        tiles=4,
    )


def make_report(
    ops: Sequence[OpReport] | None = None,
    *,
    workload: str = "vil-tiny",
    trace: str = "5e",
    machine: str = "salo",
    preset: str = "salo",
    settings: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    not_run: Sequence[tuple[str, int]] = (("embed", 500),),
    batch: int = 1,
    clock_hz: int = 10**9,
    dram: tuple[int, int] = (4096, 1024),
    energy: tuple[float, float, float, float] = (10.0, 20.0, 30.0, 40.0),
    area_mm2: float | None = 4.5,
    counted_mm2: float | None = None,  # the area on the basis that is compared, where it is another
    notes: tuple[str, ...] = (),
) -> Report:
    ops = tuple(ops if ops is not None else [make_op()])
    return Report(
        workload=workload,
        machine=machine,
        preset=preset,
        settings=settings or {},
        config=config if config is not None else {"array": {"rows": 32, "cols": 32}, "clock_hz": clock_hz},
        trace_digest=trace * 32,
        version="0.1.0",
        clock_hz=clock_hz,
        cycles=sum(op.cycles for op in ops),
        compute_cycles=sum(op.compute_cycles for op in ops),
        stall_cycles={cause: sum(op.stall_cycles[cause] for op in ops) for cause in CAUSES},
        multipliers=MULTIPLIERS,
        dram=DramTraffic(
            read_bytes=dram[0],
            write_bytes=dram[1],
            useful_read_bytes=0,
            row_hits=1,
            row_misses=2,
            row_conflicts=3,
        ),
        dram_peak_bytes_per_cycle=None,
        scratchpad={},
        energy_pj=Energy(array=energy[0], scratchpad=energy[1], dram=energy[2], static=energy[3]),
        area_mm2=area_mm2,
        ops=ops,
        not_run=tuple(NotRun(name=name, kind="gemm", macs=macs, reason="why") for name, macs in not_run),
        notes=notes,
        extra={"batch": batch} | ({} if counted_mm2 is None else {"area_estimate_mm2": counted_mm2}),
    )


# Few values, so that ties, equal scopes and equal configs are common.
few = st.integers(0, 3)
ops = st.builds(
    lambda name, compute, stalls, macs: make_op(
        f"layer.{name}", compute=10 + compute, stalls=stalls, macs=macs
    ),
    few,
    few,
    st.tuples(few, few, few),
    st.sampled_from([0, 64]),
)
configs = st.recursive(
    st.one_of(few, st.booleans(), st.sampled_from([1.0, "a", None]), st.lists(few, max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from(["rows", "cols", "dram"]), inner, min_size=1, max_size=3),
    max_leaves=6,
)
figures = {
    "workload": st.just("vil"),
    "machine": st.sampled_from(["salo", "ant"]),
    "settings": st.dictionaries(st.sampled_from(["rows", "memory"]), few, max_size=1),
    "config": st.dictionaries(st.sampled_from(["array", "clock"]), configs, max_size=2),
    "clock_hz": st.sampled_from([10**9, 2 * 10**9]),
    "dram": st.tuples(few, few),
    "energy": st.tuples(*[st.sampled_from([0.0, 1.5, 3.25])] * 4),
    "area_mm2": st.sampled_from([None, 1.5, 2.5, 2.5, 2.5]),
    "counted_mm2": st.sampled_from([None, None, 2.0, 2.5]),
}
of_any_scope = st.builds(
    make_report,
    st.lists(ops, min_size=1, max_size=2, unique_by=lambda op: op.name),
    trace=st.sampled_from(["5e", "5e", "5f"]),
    not_run=st.sampled_from([(), (("embed", 500),)]),
    batch=st.sampled_from([1, 1, 2]),
    **figures,
)
of_few_scopes = st.builds(
    make_report,
    st.builds(
        lambda compute, stalls: [make_op(compute=10 + compute, stalls=stalls)], few, st.tuples(few, few, few)
    ),
    batch=st.sampled_from([1, 1, 1, 2]),
    **figures,
)
reports = st.one_of(of_few_scopes, of_any_scope)
several = st.lists(reports, min_size=2, max_size=6)

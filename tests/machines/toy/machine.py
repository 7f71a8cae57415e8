"""A toy machine: GEMM on an output-stationary grid, in closed form. It proves that the contract suffices."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.report.contract import DramTraffic, Energy, OpReport
from tandemsim.traces.scalesim import from_csv
from tandemsim.traces.schema import Op, Trace
from tests.machines.toy.family import TOY_FAMILY, ToyConfig

MOST_K = 1024  # what a psum has room for


class Toy:
    """One multiplier for each element of a tile of outputs; an op reads its operands before it computes."""

    family: Family = TOY_FAMILY
    runs = default_for = frozenset({"gemm"})
    takes: frozenset[str] = frozenset()

    def run(
        self, trace: Trace, ops: Sequence[Op], config: ToyConfig, options: Options, progress: Progress | None
    ) -> Outcome:
        reports: list[OpReport] = []
        fitting = [op for op in ops if self.declines(op, config) is None]
        for op in fitting:
            reports.append(op_report(op, config, sum(report.cycles for report in reports)))
        read, stalls = (
            sum(op.dram_read_bytes for op in reports),
            sum(op.stall_cycles["dram"] for op in reports),
        )
        events = dict.fromkeys(("write_bytes", "row_hits", "row_misses", "row_conflicts"), 0)
        return Outcome(
            config=config,
            ops=tuple(reports),
            cycles=sum(op.cycles for op in reports),
            compute_cycles=sum(op.compute_cycles for op in reports),
            stall_cycles={"dram": stalls},
            multipliers=config.rows * config.cols,
            dram=DramTraffic(read_bytes=read, useful_read_bytes=read, **events),
            dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
            scratchpad={},
            energy_pj=Energy(array=0.0, scratchpad=0.0, dram=0.0, static=0.0),
            area_mm2=None,
            left_out={op.id: f"k is at most {MOST_K}" for op in ops if op not in fitting},
        )

    def check(self, trace: Trace, ops: Sequence[Op], config: ToyConfig, options: Options) -> None:
        """Whatever is given runs."""

    def declines(self, op: Op, config: ToyConfig) -> str | None:
        return f"k is at most {MOST_K}" if op.dim("k") > MOST_K else None

    def reason(self, op: Op) -> str:
        return "the toy multiplies matrices only"

    def small(self) -> Trace:
        return from_csv("Layer,M,N,K\nfirst,33,20,7\nsecond,5,64,9\nlong,2,2,5000\n", "gemms")[0]


def op_report(op: Op, config: ToyConfig, start: int) -> OpReport:
    m, n, k = (op.dim(name) for name in "mnk")
    tiles, read = -(-m // config.rows) * -(-n // config.cols), m * k + k * n
    stall = -(-read * config.clock_hz // int(config.dram.peak_bytes_per_second))
    return OpReport(
        name=op.name,
        kind=op.kind,
        start_cycle=start,
        cycles=tiles * k + stall,
        compute_cycles=tiles * k,
        stall_cycles={"dram": stall},
        macs=op.macs,
        multipliers=config.rows * config.cols,
        tiles=tiles,
        dram_read_bytes=read,
    )

"""Every checked-in trace on SALO, whole: laws that its report obeys, whatever the schedule and the memory do.

What a layer does tile by tile is in tests/salo/test_machine_time.py; here it is what a reader of a report can
check with the trace in hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces import codec
from tandemsim.traces.schema import Op, Trace

NAMES = ("longformer", "longformer-large", "longformer-16k", "vil-tiny", "vil-small", "vil-medium-wide")
ELEMENT_BYTES = 1  # of the published formats, in DRAM
BURST_BYTES = 64


@dataclass(frozen=True)
class Case:
    """A trace and what became of it."""

    trace: Trace
    report: Report

    @property
    def ops(self) -> list[Op]:
        return [op for op in self.trace.ops if op.kind == "window_attention"]


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    trace = codec.load(codec.find(request.param))
    return Case(trace, simulate(Request(workload=request.param)).report)


def run(name: str, **settings: object) -> Report:
    return simulate(Request(workload=name, settings={"memory": "ideal", **settings})).report


def unique_bytes(op: Op) -> int:
    """Bytes of the operands that the op cannot do without, each once."""
    tokens, few = op.dim("seq_len"), len(op.attrs["global_tokens"])
    rows = 3 * tokens
    if op.has_global_projections:
        rows = (tokens - few) + 2 * tokens + few + 2 * tokens  # a global token's own query is never read
    return op.dim("heads") * rows * op.dim("head_dim") * ELEMENT_BYTES


def test_the_macs_of_a_trace_ran_or_are_said_not_to_have(case: Case) -> None:
    report = case.report
    assert [(op.name, op.macs) for op in report.ops] == [(op.name, op.macs) for op in case.ops]
    left = [op for op in case.trace.ops if op.kind != "window_attention"]
    assert [(op.name, op.kind, op.macs) for op in report.not_run] == [
        (op.name, op.kind, op.macs) for op in left
    ]
    assert report.macs + report.macs_not_run == case.trace.macs
    assert report.macs_share == report.macs / case.trace.macs


def test_cycles_of_ops_and_of_the_run_add_up(case: Case) -> None:
    report = case.report
    for part in (report, *report.ops):
        assert part.cycles == part.compute_cycles + sum(part.stall_cycles.values())
    # Each layer starts when the one before has ended, so the ops add up to the run, stall by stall.
    assert report.cycles == sum(op.cycles for op in report.ops)
    for cause, cycles in report.stall_cycles.items():
        assert cycles == sum(op.stall_cycles[cause] for op in report.ops)


def test_what_dram_reads_for_a_use_lies_between_the_operands_and_the_fills(case: Case) -> None:
    report = case.report
    fills = sum(pad.write_bytes for name, pad in report.scratchpad.items() if name != "output")
    assert sum(map(unique_bytes, case.ops)) <= report.dram.useful_read_bytes <= fills
    assert report.dram.useful_read_bytes <= report.dram.read_bytes


def test_the_pattern_of_an_op_is_there_in_numbers(case: Case) -> None:
    for op, stated in zip(case.report.ops, case.ops, strict=True):
        window = op.extra["window"] if "grid" in stated.dims else op.extra["bands"]
        assert window == stated.attrs["bands"]
        assert tuple(op.extra.get("grid", ())) == tuple(stated.dims.get("grid", ()))
        assert op.extra["global_tokens"] == len(stated.attrs["global_tokens"])


def test_every_output_is_written_once_and_whole(case: Case) -> None:
    elements = sum(op.dim("heads") * op.dim("seq_len") * op.dim("head_dim") for op in case.ops)
    output_bytes = 2 * elements  # 16 bits an output
    assert case.report.scratchpad["output"].write_bytes == output_bytes
    absorbed = case.report.dram.extra["merged_bytes"]  # two writes to one burst, met in the queue
    assert output_bytes <= case.report.dram.write_bytes < output_bytes + absorbed + 0.05 * output_bytes


def test_cycles_are_never_fewer_than_the_bytes_on_the_pins_take(case: Case) -> None:
    for memory in (case.report, run(case.report.workload, **{"dram.bandwidth_bytes_per_second": 10**9})):
        dram = memory.dram
        absorbed = dram.extra["forwarded_bytes"] + dram.extra["merged_bytes"]
        pins = dram.read_bytes + dram.write_bytes - absorbed
        assert memory.dram_peak_bytes_per_cycle is not None
        assert memory.cycles * memory.dram_peak_bytes_per_cycle >= pins - BURST_BYTES * len(memory.ops)


def test_cold_fills_are_shown_apart_in_every_op(case: Case) -> None:
    report = case.report
    for op, stated in zip(report.ops, case.ops, strict=True):
        # The first tile waits for 32 queries, keys and values of its head, at the least the queries.
        least = 32 * stated.dim("head_dim") * ELEMENT_BYTES / (report.dram_peak_bytes_per_cycle or 1)
        assert least < op.stall_cycles["cold_fill"] < op.cycles / 20
    assert report.stall_cycles["cold_fill"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_on_ideal_memory_cycles_never_rise_with_bandwidth(name: str) -> None:
    speeds = (10**9, 4 * 10**9, 16 * 10**9, 10**15) if name != "longformer-16k" else (16 * 10**9, 10**15)
    reports = [run(name, **{"dram.bandwidth_bytes_per_second": speed}) for speed in speeds]
    cycles = [report.cycles for report in reports]
    assert cycles == sorted(cycles, reverse=True) and cycles[0] > cycles[-1]
    assert len({report.compute_cycles for report in reports}) == 1


@pytest.mark.parametrize("name", ["longformer", "vil-small"])
def test_the_published_machine_never_beats_ours_on_cycles(name: str) -> None:
    published = simulate(Request(workload=name, preset="salo-dac22")).report
    ours = simulate(Request(workload=name)).report
    assert published.multipliers == ours.multipliers and published.macs == ours.macs
    assert published.cycles > ours.cycles


def test_a_batch_takes_no_more_than_its_inputs_one_by_one() -> None:
    one = simulate(Request(workload="vil-tiny", settings={"memory": "ideal"})).report
    four = simulate(Request(workload="vil-tiny", settings={"memory": "ideal"}, batch=4)).report
    assert four.macs == 4 * one.macs and four.macs_not_run == 4 * one.macs_not_run
    assert 3 * one.cycles < four.cycles <= 4 * one.cycles
    assert four.dram.useful_read_bytes == 4 * one.dram.useful_read_bytes


@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
def test_an_array_of_more_rows_is_larger_on_the_basis_that_runs_are_compared_by(preset: str) -> None:
    """Of the published circuit `area_mm2` is the published figure, which is less than half of our count."""
    areas = [
        simulate(Request(workload="vil-tiny", preset=preset, settings={"rows": rows})).report
        for rows in (8, 16, 32, 64)
    ]
    compared = [report.area_estimate_mm2 for report in areas]
    assert compared == sorted(compared) and len(set(compared)) == len(compared)

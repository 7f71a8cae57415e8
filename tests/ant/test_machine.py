"""The machine `ant` on whole models: every product once, nothing left out, no wait without a reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.layers import Attention, Passes, Product
from tandemsim.sim.ant.loop import NONE, Engine
from tandemsim.sim.ant.lowering import PRODUCTS, RUNS
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.run import Request
from tandemsim.sim.run import simulate as run_request
from tandemsim.traces.codec import find, load
from tandemsim.traces.schema import Op

FAST = dataclasses.replace(DRAMS["ideal"], bandwidth_bytes_per_second=128_000_000_000)
MODELS = ("resnet18", "bert-base-128", "vil-tiny", "mobilenet-v2")


def ran(name: str, config: AntConfig = ANT, bits: str = "4", batch: int = 1) -> AntRun:
    trace = load(find(name))
    ops = [op for op in trace.ops if op.kind in RUNS]
    return simulate(trace, ops, config, widths(trace, ops, config.array, bits), batch)


@pytest.fixture(scope="module", params=MODELS)
def run(request: pytest.FixtureRequest) -> AntRun:
    return ran(request.param)


def test_every_product_is_computed_once(run: AntRun) -> None:
    for plan in run.program.layers:
        if isinstance(plan.layer, Product):
            layer = plan.layer
            assert plan.macs == layer.m * layer.n * layer.k * layer.count
            assert round(plan.macs * layer.share) == layer.op.macs
        elif isinstance(plan.layer, Attention) and plan.layer.pattern is None:
            assert plan.macs == plan.layer.op.macs


def test_every_output_is_written_once_in_each_of_its_widths_or_stays(run: AntRun) -> None:
    program = run.program
    moved = program.transfers.rows * program.transfers.row_bytes * program.transfers.is_write
    for place, plan in enumerate(program.layers):
        written = int(moved[program.transfer_layer == place].sum())
        written += sum(kept.size for kept in program.keeping.values() if kept.spared and kept.first == place)
        elements, writes = run.lowering.elements(plan.layer.output), len(plan.covered)
        most = 2 if run.lowering.is_weight(plan.layer.output) else 1.5  # bytes; integers have 16 bits
        assert elements // 2 - writes <= written <= elements * most + writes
        assert plan.covered or plan.held
        for parts in (plan.covered, plan.held):
            assert not parts or parts[-1] == pytest.approx(1.0)


def test_what_stays_fits_its_scratchpad(run: AntRun) -> None:
    held = [0] * len(run.program.layers)
    assert run.program.keeping
    for kept in run.program.keeping.values():
        for place in range(kept.first, kept.last + 1):
            held[place] += kept.size
        assert kept.first < min(kept.readers) and max(kept.readers) == kept.last
    assert max(held) <= ANT.activation_scratchpad.capacity_bytes


def test_what_is_read_in_dram_was_written_there(run: AntRun) -> None:
    """Byte for byte, but for the ends of rows; what stays on the chip alone is read nowhere else."""
    transfers, written = run.program.transfers, set[int]()
    moves = transfers.rows > 0
    ends = transfers.base + (transfers.rows - 1) * transfers.stride + transfers.row_bytes
    for index in np.flatnonzero(moves & (transfers.is_write == 1)):
        written |= set(range(int(transfers.base[index]) // 64, int(ends[index] + 63) // 64))
    packed = [getattr(plan.layer, "share", 1) < 1 for plan in run.program.layers]  # the last tile has less
    for index in np.flatnonzero(moves & (transfers.source != NONE)):
        if packed[int(run.program.transfer_layer[index])]:
            continue
        maker = run.program.layers[int(transfers.source[index])].layer
        if isinstance(maker, Passes) and maker.written < run.lowering.elements(maker.output):
            continue  # it fills a part of a tensor, such as all but its padding
        assert set(range(int(transfers.base[index]) // 64, int(ends[index] - 1) // 64)) <= written


def test_tasks_of_an_engine_follow_one_another_after_what_they_wait_for(run: AntRun) -> None:
    program, times = run.program, run.plan.times
    for engine in Engine:
        tasks = slice(int(program.first[engine]), int(program.first[engine + 1]))
        start, end = times.start[tasks], times.end[tasks]
        assert (start[1:] >= end[:-1]).all() and (end - start == program.tasks.cycles[tasks]).all()
    woken = program.transfers.wakes != NONE
    assert (times.complete[woken] <= times.start[program.transfers.wakes[woken]]).all()
    after = program.transfers.after != NONE
    assert (times.issued[after] >= times.end[program.transfers.after[after]]).all()
    assert run.cycles >= int(times.end.max())


def test_what_is_read_was_written_before(run: AntRun) -> None:
    program, times = run.program, run.plan.times
    transfers = program.transfers
    for place in range(2 * len(program.layers)):
        writes = times.complete[(transfers.layer == place) & (transfers.is_write == 1)]
        writes = np.maximum.accumulate(writes)
        readers = np.flatnonzero((transfers.source == place) & (transfers.is_write == 0))
        needed = transfers.written[readers]
        assert (needed >= 1).all()
        assert (times.issued[readers] >= writes[needed - 1]).all()


@pytest.mark.parametrize("dataflow", Dataflow)
def test_every_dataflow_runs_every_op(dataflow: Dataflow) -> None:
    config = dataclasses.replace(ANT, array=dataclasses.replace(ANT.array, dataflow=dataflow))
    report = run_request(Request(workload="resnet18", machine="ant", config=config)).report
    assert not report.not_run and report.macs == load(find("resnet18")).macs


def report(workload: str, **more: Any) -> Any:
    settings = {"memory": "ideal", "dram.bandwidth_bytes_per_second": 128_000_000_000}
    return run_request(Request(workload=workload, machine="ant", settings=settings, **more)).report


def test_the_array_is_busy_where_memory_is_no_limit() -> None:
    bert = report("bert-base-128")
    assert bert.compute_cycles / bert.cycles >= 0.95 and not bert.not_run
    resnet = report("resnet50", bits="ant")
    assert resnet.compute_cycles / resnet.cycles >= 0.95


def test_eight_bits_take_four_times_the_multipliers() -> None:
    four, eight = report("resnet18"), report("resnet18", bits="8")
    assert 3.5 < eight.compute_cycles / four.compute_cycles < 4.1
    assert {op.multipliers for op in eight.ops if op.kind == "conv2d"} == {64 * 64 // 4}


def test_a_batch_shares_the_weights() -> None:
    one, four = report("resnet18"), report("resnet18", batch=4)
    assert four.macs == 4 * one.macs and four.cycles < 4 * one.cycles
    assert four.dram.read_bytes < 4 * one.dram.read_bytes


def test_lists_of_bits_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="^unknown list of bits '5'"):
        report("resnet18", bits="5")
    with pytest.raises(ConfigError, match="^--bits ant has lists for vgg16, .*, not for 'vil-tiny'; "):
        report("vil-tiny", bits="ant")


def test_a_scratchpad_that_holds_no_tile_names_the_op() -> None:
    with pytest.raises(ConfigError, match=r"^op 'resnet\.embedder.*': weight_scratchpad.capacity_bytes must"):
        run_request(
            Request(workload="resnet18", machine="ant", settings={"weight_scratchpad.capacity_bytes": 64})
        )


def summed(op: Op) -> int:
    """Return the products of a sum."""
    if op.kind != "conv2d":
        return op.dim("k")
    return op.dim("in_channels") * op.dim("kernel_h") * op.dim("kernel_w")


def test_sums_that_might_overflow_are_left_out_with_their_limit() -> None:
    settings: dict[str, object] = {"array.foot_width": 24}
    # K at the most: of 4 bits (2^23 - 1) // 64^2, powers of two squared; of 8 bits 2^23 // (255 * 128)
    weights = [op for op in load(find("resnet18")).ops if op.kind in PRODUCTS]
    for bits, holds in (("4", 2047), ("8", 257)):
        request = Request(workload="resnet18", machine="ant", settings=settings, bits=bits)
        left = run_request(request).report.not_run
        assert [op.name for op in left] == [op.name for op in weights if summed(op) > holds]
        assert all(f"which holds {holds}; --set array.overflow=saturate" in op.reason for op in left)
    settings["array.overflow"] = "saturate"
    assert not run_request(Request(workload="resnet18", machine="ant", settings=settings)).report.not_run


@pytest.mark.parametrize("workload", ["resnet18", "bert-base-128"])
def test_more_of_a_scratchpad_is_not_slower(workload: str) -> None:
    """By 1/200 at most: loads of several operands take turns at one DRAM, and where ends meet it may cost."""
    pads = [name for name in type(ANT).__dataclass_fields__ if name.endswith("_scratchpad")]
    sizes = {f"{name}.capacity_bytes": getattr(ANT, name).capacity_bytes for name in pads}
    base = run_request(Request(workload=workload, machine="ant")).report.cycles
    for field, size in sizes.items():
        more = Request(workload=workload, machine="ant", settings={field: 2 * size})
        assert run_request(more).report.cycles <= base * (1 + 1 / 200), field

"""The machine of both arrays on small models: what runs where, what waits for what, what overlaps."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.layers import Beside, Conversion, Product
from tandemsim.sim.ant.loop import NONE, Engine, Queue
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.fused.config import AntUnits, FusedConfig, SaloUnits
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.fused import program as fused_program
from tandemsim.sim.fused.conversion import token_blocks
from tandemsim.sim.fused.simulation import FusedRun, simulate
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.run import Request
from tandemsim.sim.run import simulate as run_request
from tandemsim.traces.schema import Trace
from tests.fused.model import TOKENS, longformer_layer, two_attentions

SMALL = {"salo.array.rows": 8, "salo.array.cols": 8, "ant.array.rows": 16, "ant.array.cols": 16}
IN_BLOCKS = {"bits": "nvfp4", "ant__array__formats": "int4,int8,int8u,e2m1"}


@cache
def run(batch: int = 1, bits: str = "4", global_token: int = 0, **more: Any) -> FusedRun:
    """Run a layer of a small Longformer."""
    trace = longformer_layer(global_token=global_token)
    config = FUSED_FAMILY.config(None, {**SMALL, **{key.replace("__", "."): more[key] for key in more}})
    windows = [op.id for op in trace.ops if op.kind == "window_attention"]
    return simulate(
        trace, trace.ops, windows, config, widths(trace, trace.ops, config.ant.array, bits), batch
    )


def tasks_of(of: FusedRun, engine: Engine, place: int) -> np.ndarray:
    program = of.ant.program
    tasks = np.arange(program.first[engine], program.first[engine + 1])
    return tasks[program.task_layer[tasks] == place]


def places(of: FusedRun, kind: type) -> list[int]:
    return [place for place, plan in enumerate(of.ant.program.layers) if isinstance(plan.layer, kind)]


@pytest.mark.parametrize("batch", [1, 2])
def test_the_projections_of_a_head_follow_those_of_the_head_before(batch: int) -> None:
    """Of each of the five products a head's tasks come before any of the next head's."""
    of = run(batch)
    program = of.ant.program
    layers = [program.layers[p].layer for p in places(of, Product)]
    grouped = [p for p, layer in zip(places(of, Product), layers, strict=True) if layer.op.name in "qkvKV"]
    order = program.task_layer[np.isin(program.task_layer, grouped)]
    per_head = order.reshape(2 * batch, -1)  # two heads
    assert len(grouped) == 5 and (per_head == per_head[0]).all()


@pytest.mark.parametrize(
    ("batch", "global_token", "more"), [(1, 0, {}), (2, 0, {}), (1, 300, {}), (1, 300, IN_BLOCKS)]
)
def test_no_read_is_issued_before_what_it_reads_is_written(
    batch: int, global_token: int, more: dict[str, str]
) -> None:
    """By address: of every byte that a transfer reads, the write that brought it is complete."""
    of = run(batch, global_token=global_token, **more)
    transfers, times = of.ant.program.transfers, of.ant.plan.times
    written = np.zeros(of.ant.program.placed_bytes, np.int64)  # by byte, when it was there
    ever = np.zeros(of.ant.program.placed_bytes, bool)
    moves = [index for index in range(len(transfers.base)) if transfers.rows[index]]

    def span(index: int) -> np.ndarray:
        rows = transfers.base[index] + np.arange(transfers.rows[index]) * transfers.stride[index]
        return (rows[:, None] + np.arange(transfers.row_bytes[index])).ravel()

    for index in moves:
        if transfers.is_write[index]:
            ever[span(index)] = True
            written[span(index)] = np.maximum(written[span(index)], times.complete[index])
    reads = [index for index in moves if not transfers.is_write[index]]
    awaited = [index for index in reads if transfers.source[index] != NONE]
    late = [index for index in awaited if (times.issued[index] < written[span(index)]).any()]
    assert len(awaited) > 50 and not late
    assert all(ever[span(index)].any() for index in awaited)


def test_all_writes_have_addresses_of_their_own() -> None:
    of = run()
    transfers = of.ant.program.transfers
    count = np.zeros(of.ant.program.placed_bytes, np.int64)
    for index in np.flatnonzero(transfers.is_write):
        if transfers.rows[index]:
            rows = transfers.base[index] + np.arange(transfers.rows[index]) * transfers.stride[index]
            count[(rows[:, None] + np.arange(transfers.row_bytes[index])).ravel()] += 1
    assert count.max() == 1


@pytest.mark.parametrize(("batch", "more"), [(1, {}), (2, {}), (2, IN_BLOCKS)])
def test_projections_read_all_weights_and_all_tokens(batch: int, more: dict[str, str]) -> None:
    """By address: what the five products load covers their weights and the activation, of all items."""
    of = run(batch, **more)
    bits = 4.5 if more else 4
    program, lowering = of.ant.program, of.ant.lowering

    def loaded(queue: Queue, tensor: int) -> int:
        loads = np.arange(program.queues[queue], program.queues[queue + 1])
        loads = loads[program.transfer_tensor[loads] == tensor]
        assert (program.transfers.rows[loads] == 1).all()
        spans = zip(program.transfers.base[loads], program.transfers.row_bytes[loads], strict=True)
        return sum(int(size) for _, size in set(spans))

    for place in places(of, Product):
        layer = program.layers[place].layer
        assert isinstance(layer, Product)
        if layer.op.name in "qkvKV":
            weights = lowering.elements(layer.weight) * bits / 8
            tokens = lowering.elements(layer.activation) * bits / 8
            assert loaded(Queue.WEIGHT, layer.weight) == weights
            assert loaded(Queue.ACTIVATION, layer.activation) == tokens
            read, _ = program.layers[place].scratchpad["activation"]
            assert read == 2 * tokens  # once for each head


def test_the_next_attention_takes_no_place_of_the_one_before() -> None:
    """What is free from the start of a layer is free once the layer before it has ended."""
    config = FUSED_FAMILY.config(None, {**SMALL, "memory": "ideal"})
    trace = two_attentions()
    of = simulate(trace, trace.ops, [op.id for op in trace.ops], config, {})
    program, times = of.ant.program, of.ant.plan.times
    first, second = places(of, Beside)
    ended = times.end[tasks_of(of, Engine.ATTENTION, first)].max()
    loads = (program.transfer_layer == second) & (program.transfers.is_write == 0)
    assert loads.any() and times.issued[loads].min() >= ended


@pytest.mark.parametrize("buffers", [1, 2, 5])
def test_no_more_results_wait_than_there_are_staging_buffers(buffers: int) -> None:
    """Over two attentions on a slow memory: tiles that hold a buffer are never more than there are."""
    size = 8 * 16 * 2  # of a tile's results
    more = {**SMALL, "memory": "ideal", "dram.bandwidth_bytes_per_second": 400_000_000}
    more |= {"salo.array.head_dim": 16, "salo.output_scratchpad.capacity_bytes": buffers * size}
    trace = two_attentions()
    of = simulate(trace, trace.ops, [op.id for op in trace.ops], FUSED_FAMILY.config(None, more), {})
    program, times, held = of.ant.program, of.ant.plan.times, []
    for place in places(of, Beside):
        tasks = tasks_of(of, Engine.ATTENTION, place)
        windows = of.windows[place]
        assert windows.program.staging_buffers == buffers
        writes = np.flatnonzero((program.transfer_layer == place) & (program.transfers.in_turn == 1))
        held += [(int(cycle), 1) for cycle in times.start[tasks[windows.staged]]]
        held += [(int(cycle), -1) for cycle in times.complete[writes]]
    balance = np.cumsum([change for _, change in sorted(held)])
    assert balance.max() == buffers and balance[-1] == 0


def test_both_arrays_work_at_a_time_and_the_last_head_is_followed_by_its_rows() -> None:
    of = run()
    program, times = of.ant.program, of.ant.plan.times
    (attention,), (conversion,) = places(of, Beside), places(of, Conversion)
    windows = tasks_of(of, Engine.ATTENTION, attention)
    projections = np.arange(program.first[Engine.ARRAY + 1])
    assert times.start[windows[0]] < times.end[projections].max()
    codes = tasks_of(of, Engine.VECTOR, conversion)
    output = next(p for p in places(of, Product) if program.layers[p].layer.op.name == "output")
    first = tasks_of(of, Engine.ARRAY, output)[0]
    assert times.start[codes[0]] < times.start[first] < times.end[windows[-1]] < times.start[codes[-1]]


def test_the_block_of_a_global_token_comes_last() -> None:
    assert token_blocks(700, [0]) == ((256, 512), (512, 700), (0, 256))
    assert token_blocks(700, []) == ((0, 256), (256, 512), (512, 700))
    assert token_blocks(700, [300, 699]) == ((0, 256), (256, 512), (512, 700))
    assert token_blocks(100, [99]) == ((0, 100),)


def test_a_token_is_converted_once() -> None:
    of = run(2)
    (place,) = places(of, Conversion)
    layer = of.ant.program.layers[place].layer
    assert isinstance(layer, Conversion)
    read = (of.ant.program.transfer_layer == place) & (of.ant.program.transfers.is_write == 0)
    moved = of.ant.program.transfers.rows * of.ant.program.transfers.row_bytes
    assert moved[read].sum() == 2 * TOKENS * layer.heads * layer.v_dim * layer.bits // 8


def answer(trace: Trace, **more: Any) -> Any:
    return run_request(Request(workload="small", trace=trace, machine="ant+salo", **more)).report


def test_everything_runs_and_the_report_says_what_overlaps() -> None:
    report = answer(longformer_layer(), settings=SMALL)
    assert report.not_run == () and report.macs == longformer_layer().macs
    assert report.cycles == report.compute_cycles + sum(report.stall_cycles.values())
    (note,) = (note for note in report.notes if "1 of 1 window attentions" in note)
    assert note.endswith("of that the ANT array works, too.")


@pytest.mark.parametrize("feed", ["shared", "separate", "private"])
@pytest.mark.parametrize("alone", [False, True])
def test_global_tokens_are_fed_in_every_way(feed: str, alone: bool) -> None:
    more = {**SMALL, "salo.array.global_projections": feed}
    report = answer(longformer_layer(), settings=more, only="windows" if alone else None)
    assert report.cycles > 0 and len(report.ops) == (1 if alone else len(longformer_layer().ops))


def test_units_have_every_field_of_their_machine() -> None:
    shared = {"dram", "energy", "clock_hz"}
    for units, machine in ((AntUnits, AntConfig), (SaloUnits, SaloConfig)):
        own = [(field.name, field.type) for field in dataclasses.fields(units)]
        assert own == [(f.name, f.type) for f in dataclasses.fields(machine) if f.name not in shared]


def test_windows_by_themselves_run() -> None:
    report = answer(longformer_layer(), settings=SMALL, only="windows")
    (op,) = report.ops
    assert op.macs == report.macs > 0 and report.compute_cycles == 0
    assert report.stall_cycles["attention"] > 0.8 * report.cycles
    rest = report.stall_cycles["vector"] + report.stall_cycles["write_back"]
    assert report.stall_cycles["attention"] + rest == report.cycles


def test_windows_that_salo_cannot_run_are_products_of_the_ant_array() -> None:
    trace = longformer_layer()
    short = answer(trace, settings={**SMALL, "salo.array.head_dim": 8, "salo.array.value_dims": False})
    assert any("longer than salo.array.head_dim, 8" in note for note in short.notes)
    assert short.not_run == () and "attention" not in short.stall_cycles


def test_a_head_longer_than_the_preset_s_grows_the_attention_array() -> None:
    report = answer(longformer_layer(size=80))
    assert report.config["salo"]["array"]["head_dim"] == 80


def test_without_windows_it_is_the_ant_machine() -> None:
    trace = small_trace()
    alone = run_request(Request(workload="small", trace=trace, machine="ant")).report
    both = answer(trace)
    assert (both.cycles, both.stall_cycles) == (alone.cycles, alone.stall_cycles)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("rows", 8, "config key 'rows' cannot be set: there are two arrays; ant.array.rows or salo.arr"),
        ("ant.array.rows", 3, "ant.array.rows must be even where pe_bits is 4, not 3"),
        ("clock_hz", 7, "clock_hz must be an integer >= 1000000, not 7"),
        ("salo.array.rws", 1, "unknown config key 'salo.array.rws'; did you mean 'salo.array.rows'"),
        (
            "ant.vector_scratchpad.capacity_bytes",
            2,
            "op 'windows': ant.vector_scratchpad.capacity_bytes must",
        ),
        ("salo.key_scratchpad.capacity_bytes", 64, "op 'windows': salo.key_scratchpad.capacity_bytes must"),
    ],
)
def test_what_is_wrong_is_said_by_the_key(setting: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        answer(longformer_layer(), settings={setting: value})
    assert message in str(error.value)


def test_a_scratchpad_that_is_too_small_is_found_before_any_window_is_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def planned(*arguments: object) -> None:
        raise AssertionError("a window is planned")

    monkeypatch.setattr(fused_program, "windows_of", planned)
    with pytest.raises(ConfigError, match="ant.vector_scratchpad.capacity_bytes must be at least"):
        answer(longformer_layer(), settings={"ant.vector_scratchpad.capacity_bytes": 64})


def test_a_config_of_units_is_two_machines_on_one_dram() -> None:
    config = FUSED_FAMILY.config(None, {"memory": "hbm2", "clock_hz": 500_000_000})
    assert isinstance(config, FusedConfig)
    for machine in (config.ant_config, config.salo_config):
        assert (machine.dram, machine.clock_hz) == (config.dram, 500_000_000)
    assert replace(config, dram=config.dram) == config

"""A synthetic run that looks like Longformer on the SALO machine: 12 ops, 287,000 tiles, what did not run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import (
    DramTraffic,
    Energy,
    NotRun,
    OpReport,
    Report,
    ScratchpadTraffic,
    TensorTraffic,
)
from tandemsim.sim.report.timeline import Timeline

OP_NAME = "encoder.layer.{}.attention.self.window"
MULTIPLIERS = 1088
HEADS = 12
TILES_A_HEAD = 1992  # sliding window of 513 keys at 4,096 tokens
MACS_A_HEAD = 2 * 64 * 2_043_134
TENSORS = {  # keys are read twice
    "query": TensorTraffic(read_bytes=4096 * 768, write_bytes=0, size_bytes=4096 * 768),
    "key": TensorTraffic(read_bytes=2 * 4096 * 768, write_bytes=0, size_bytes=4096 * 768),
    "output": TensorTraffic(read_bytes=0, write_bytes=2 * 4096 * 768, size_bytes=2 * 4096 * 768),
}
ACTIONS_PJ = {
    "array.multiply": 0.7e10,
    "array.registers": 1.61e10,
    "scratchpad.query": 1.4e9,
    "scratchpad.key": 5.0e9,
    "dram.background": 9.0e9,
    "dram.read": 0.7e9,
    "static": 3.2e9,
}
NOT_RUN_MACS = {"gemm": 4096 * 768 * 768, "softmax": 0, "norm": 0, "act": 0}
REASONS = {
    "gemm": "this array computes windowed attention only",
    "softmax": "belongs to an op that does not run",
    "norm": "element-wise work on the host",
    "act": "element-wise work on the host",
}


def build_op(layer: int, start_cycle: int = 0, name: str = OP_NAME) -> OpReport:
    """One layer; the first waits for its cold fill, and each differs a little in DRAM stalls."""
    stalls = {
        "dram": 21_007 + 613 * (layer % 3),
        "cold_fill": 0 if layer else 2_310,
        "scratchpad": 0,
        "drain": 31,
    }
    compute = 131 * TILES_A_HEAD * HEADS
    return OpReport(
        name=name.format(layer),
        kind="window_attention",
        start_cycle=start_cycle,
        cycles=compute + sum(stalls.values()),
        compute_cycles=compute,
        stall_cycles=stalls,
        macs=MACS_A_HEAD * HEADS,
        multipliers=MULTIPLIERS,
        tiles=TILES_A_HEAD * HEADS,
        dram_read_bytes=3 * 4096 * 768,
        dram_write_bytes=2 * 4096 * 768,
        extra={"pattern": "-256..256, global 0", "saturations": 0},
    )


def build_report(layers: int = 12, **changes: object) -> Report:
    ops: list[OpReport] = []
    for layer in range(layers):
        ops.append(build_op(layer, ops[-1].start_cycle + ops[-1].cycles if ops else 0))
    stalls = {
        name: sum(op.stall_cycles[name] for op in ops)
        for name in ("dram", "cold_fill", "scratchpad", "drain")
    }
    not_run = [
        NotRun(name=f"encoder.layer.{layer}.{kind}.{part}", kind=kind, macs=macs, reason=REASONS[kind])
        for layer in range(layers)
        for kind, macs in NOT_RUN_MACS.items()
        for part in range(14 if kind == "gemm" else 2)
    ]
    report = Report(
        workload="longformer",
        machine="salo",
        preset="salo",
        config={
            "array": {"rows": 32, "cols": 32, "head_dim": 64, "normalisation": "deferred"},
            "dram": {"standard": "ddr4-2400", "channels": 1},
            "clock_hz": 10**9,
        },
        trace_digest="5e" * 32,
        version="0.1.0",
        clock_hz=10**9,
        cycles=sum(op.cycles for op in ops),
        compute_cycles=sum(op.compute_cycles for op in ops),
        stall_cycles=stalls,
        multipliers=MULTIPLIERS,
        dram=DramTraffic(
            read_bytes=sum(op.dram_read_bytes for op in ops),
            write_bytes=sum(op.dram_write_bytes for op in ops),
            useful_read_bytes=sum(op.dram_read_bytes for op in ops),
            row_hits=2_870_112,
            row_misses=61_440,
            row_conflicts=17_728,
        ),
        dram_peak_bytes_per_cycle=19.2,
        scratchpad={
            "query": ScratchpadTraffic(read_bytes=585_990_144, write_bytes=37_748_736),
            "key": ScratchpadTraffic(read_bytes=1_156_907_008, write_bytes=37_748_736),
            "value": ScratchpadTraffic(read_bytes=1_156_907_008, write_bytes=37_748_736),
            "output": ScratchpadTraffic(read_bytes=75_497_472, write_bytes=75_497_472),
        },
        energy_pj=Energy(array=2.31e10, scratchpad=6.4e9, dram=9.7e9, static=3.2e9),
        area_mm2=4.56,
        ops=tuple(ops),
        not_run=tuple(not_run),
        notes=(
            "Power is of the published synthesis, scaled from 500 MHz to the clock of 1 GHz by dynamic "
            "energy per cycle; the published design was not synthesized at 1 GHz.",
        ),
    )
    return dataclasses.replace(report, **changes)


def with_accounts(report: Report) -> Report:
    """The report with what it leaves out: multiplier-cycles, bytes by tensor, energy by action."""
    ops = tuple(
        dataclasses.replace(op, multiplier_cycles=account_of(op), dram_tensors=TENSORS) for op in report.ops
    )
    tensors = {
        name: TensorTraffic(
            read_bytes=len(ops) * traffic.read_bytes,
            write_bytes=len(ops) * traffic.write_bytes,
            size_bytes=len(ops) * traffic.size_bytes,
        )
        for name, traffic in TENSORS.items()
    }
    account = {name: sum(op.multiplier_cycles.get(name, 0) for op in ops) for name in account_of(ops[0])}
    return dataclasses.replace(
        report, ops=ops, dram_tensors=tensors, multiplier_cycles=account, energy_actions_pj=ACTIONS_PJ
    )


def account_of(op: OpReport) -> dict[str, int]:
    """All cycles of the op's multipliers; what nothing else takes is masked."""
    others = {
        "idle_global": 64 * 64 * op.tiles,
        "flush": op.multipliers * op.tiles,
        **{f"stall_{name}": cycles * op.multipliers for name, cycles in op.stall_cycles.items()},
    }
    masked = op.cycles * op.multipliers - op.macs - sum(others.values())
    return {"useful": op.macs, "masked": masked, **others}


def build_timeline(report: Report) -> Timeline:
    """One slice a tile and one transfer a group of 32 keys or queries; two transfers may be in flight."""
    tiles = sum(op.tiles for op in report.ops)
    transfers = tiles // 8
    tile_start = np.arange(tiles, dtype=np.int64) * 131
    step = tiles * 131 // max(transfers, 1)
    read_start = np.arange(transfers, dtype=np.int64) * step
    rng = np.random.default_rng(1)
    kinds = {"track": [0, 1, 2], "count": [tiles, transfers, transfers]}
    none = np.full(transfers, -1, np.int64)
    return Timeline(
        tracks=("array", "dma read", "dma write"),
        labels=("tile", "read key", "read value", "write output"),
        track=np.repeat(kinds["track"], kinds["count"]).astype(np.int16),
        label=np.concatenate([np.zeros(tiles), 1 + np.arange(transfers) % 2, np.full(transfers, 3)]).astype(
            np.int32
        ),
        start=np.concatenate([tile_start, read_start, read_start + step // 2]),
        duration=np.concatenate(
            [np.full(tiles, 130), np.full(transfers, step * 3 // 2), rng.integers(1, 90, transfers)]
        ),
        arguments={
            "tile": np.concatenate([np.arange(tiles), none, none]),
            "bytes": np.concatenate([np.full(tiles, -1), np.full(2 * transfers, 4096)]),
        },
    )


def build_activity(report: Report, bins: int = 512) -> Activity:
    width = -(-report.cycles // bins)
    count = -(-report.cycles // width)
    rng = np.random.default_rng(2)
    busy = 0.915 - 0.03 * rng.random(count)
    busy[:: max(count // 12, 1)] *= 0.8
    return Activity(
        bin_cycles=width,
        macs=busy * MULTIPLIERS * np.minimum(width, report.cycles - width * np.arange(count)),
        dram_bytes=width * 5.0 * (1 + 0.2 * rng.standard_normal(count)),
    )


@pytest.fixture(scope="session")
def report() -> Report:
    return with_accounts(build_report())


@pytest.fixture(scope="session")
def timeline(report: Report) -> Timeline:
    return build_timeline(report)


@pytest.fixture(scope="session")
def activity(report: Report) -> Activity:
    return build_activity(report)


@pytest.fixture(scope="session")
def empty_report() -> Report:
    """Nothing of the model runs on the machine."""
    report = build_report()
    none = dict.fromkeys(report.stall_cycles, 0)
    silent = Energy(array=0.0, scratchpad=0.0, dram=0.0, static=0.0)
    return dataclasses.replace(
        report, cycles=0, compute_cycles=0, stall_cycles=none, ops=(), energy_pj=silent
    )


@pytest.fixture(scope="session")
def make_op() -> Callable[..., OpReport]:
    return build_op


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return build_report


@pytest.fixture(scope="session")
def make_timeline() -> Callable[[Report], Timeline]:
    return build_timeline


@pytest.fixture(scope="session")
def make_activity() -> Callable[..., Activity]:
    return build_activity

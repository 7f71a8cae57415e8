"""What whole runs read of the scratchpads: SCALE-Sim's SRAM reads, pixels and not pads, waits for banks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.scalesim import from_csv
from tandemsim.traces.schema import Trace
from tests.ant.one_op import op_trace
from tests.ant.test_im2col import image, listed
from tests.ant.test_scalesim_law import TOPOLOGIES, law, up


def report(trace: Trace, config: AntConfig, bits: str = "8") -> Report:
    return simulate(Request(workload="made", trace=trace, machine="ant", config=config, bits=bits)).report


PADS = ("activation", "weight", "accumulator", "residual", "output", "vector")


def systolic(flow: Dataflow, rows: int, cols: int, schedule: Schedule = Schedule.DRAIN) -> AntConfig:
    """Return PEs of 8 bits, so that rows and columns are those of SCALE-Sim, and room for whole products."""
    array = replace(ANT.array, rows=rows, cols=cols, pe_bits=8, formats=("int8",), accumulator_width=32)
    room = {f"{name}_scratchpad": BufferConfig(capacity_bytes=1 << 24) for name in PADS}
    return replace(ANT, array=replace(array, dataflow=flow, schedule=schedule), **room)


@pytest.mark.parametrize("flow", Dataflow)
def test_products_are_read_as_often_as_scale_sim_reads_them(flow: Dataflow) -> None:
    """M K for each column of tiles, K N for each row of them, once what is stationary; its cycles, too."""
    rng = np.random.default_rng(list(map(ord, flow)))
    for _ in range(12):
        rows, cols = (int(each) for each in rng.choice([8, 16, 32], 2))
        m, n, k = (int(each) for each in rng.integers(1, 400, 3))
        trace = op_trace("gemm", {"m": m, "n": n, "k": k}, [((m, k), "input"), ((k, n), "weight")], (m, n))
        found = report(trace, systolic(flow, rows, cols))
        pads = found.scratchpad
        assert (pads["activation"].read_bytes, pads["weight"].read_bytes) == {
            Dataflow.OUTPUT_STATIONARY: (m * k * up(n, cols), k * n * up(m, rows)),
            Dataflow.WEIGHT_STATIONARY: (m * k * up(n, cols), k * n),
            Dataflow.INPUT_STATIONARY: (m * k, k * n * up(m, cols)),
        }[flow]
        assert found.compute_cycles == law(flow, (m, n, k), rows, cols)


def conv(side: int, channels: int, filters: int, kernel: int, stride: int, pad: int) -> Trace:
    dims: dict[str, Any] = {"batch": 1, "in_channels": channels, "out_channels": filters}
    dims |= {"height": side, "width": side, "kernel_h": kernel, "kernel_w": kernel}
    dims |= {"stride_h": stride, "stride_w": stride}
    dims |= dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), pad)
    out = (side + 2 * pad - kernel) // stride + 1
    given = [((1, channels, side, side), "input"), ((filters, channels, kernel, kernel), "weight")]
    return op_trace("conv2d", dims, given, (1, filters, out, out))


@pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY])
def test_pads_are_not_read_but_by_the_machine_that_drains(flow: Dataflow) -> None:
    trace = conv(13, 20, 40, 3, 1, 1)
    codes = len(listed(image(13, 20, 3, pad=1), 0, 169, 0, 180))
    assert codes < 169 * 180
    for schedule, read in ((Schedule.PIPELINED, codes), (Schedule.DRAIN, 169 * 180)):
        pads = report(trace, systolic(flow, 16, 16, schedule)).scratchpad
        assert pads["activation"].read_bytes == read * up(40, 16)


def test_patches_wait_for_banks_output_stationary_and_the_report_says_so() -> None:
    trace = conv(224, 3, 64, 16, 16, 0)
    config = replace(ANT, array=replace(ANT.array, dataflow=Dataflow.OUTPUT_STATIONARY))
    waiting = report(trace, config, "4")
    (op,) = waiting.ops
    assert op.stall_cycles["scratchpad"] == waiting.stall_cycles["scratchpad"] > 0
    stationary = report(trace, ANT, "4")
    assert "scratchpad" not in stationary.stall_cycles
    calm = report(conv(224, 3, 64, 7, 2, 3), config, "4")
    assert "scratchpad" not in calm.stall_cycles
    # all products take as long as without conflicts: four blocks of 196 places, K = 768 each
    assert op.compute_cycles == 4 * 768


def test_attention_reads_queries_keys_and_weights_for_each_pass() -> None:
    """Weight stationary: queries once for each column of keys, a softmax once for each column of values."""
    heads, queries, keys, size, v_dim = 3, 100, 200, 24, 40
    dims = {"heads": heads, "q_len": queries, "kv_len": keys, "head_dim": size, "v_dim": v_dim}
    shapes = (1, heads, queries, size), (1, heads, keys, size), (1, heads, keys, v_dim)
    given = [(shape, "input") for shape in shapes]
    trace = op_trace("attention", dims, given, (1, heads, queries, v_dim))
    found = report(trace, systolic(Dataflow.WEIGHT_STATIONARY, 32, 16, Schedule.PIPELINED)).scratchpad
    scores = heads * queries * size * up(keys, 16)
    assert found["activation"].read_bytes == scores + heads * queries * keys * up(v_dim, 16)
    # what is loaded, and what the softmax leaves there
    assert found["activation"].write_bytes == heads * (queries * size + queries * keys)
    blocks, rest = divmod(found["weight"].read_bytes, heads * keys * (size + v_dim))
    assert rest == 0 and 1 <= blocks <= up(queries, 16)
    sums = heads * queries * (keys * up(size, 32) + v_dim * up(keys, 32))
    assert found["accumulator"].write_bytes == 4 * sums


@pytest.mark.parametrize("flow", Dataflow)
@pytest.mark.parametrize("side", [32, 128])
def test_every_layer_of_scale_sims_resnet18_runs_by_its_law(flow: Dataflow, side: int) -> None:
    """Converted from its own file, through the whole machine: cycles of each layer, and reads of all."""
    trace, _ = from_csv((TOPOLOGIES / "Resnet18.csv").read_text(), "Resnet18")
    tensors, found = trace.tensor_map(), report(trace, systolic(flow, side, side))
    activations = weights = 0
    for op, ran in zip(trace.ops, found.ops, strict=True):
        n, *kernel = tensors[op.inputs[1]].shape
        m, k = tensors[op.outputs[0]].elements // n, int(np.prod(kernel))
        assert ran.compute_cycles == law(flow, (m, n, k), side, side)
        activations += m * k * (1 if flow is Dataflow.INPUT_STATIONARY else up(n, side))
        rows = {Dataflow.OUTPUT_STATIONARY: up(m, side), Dataflow.INPUT_STATIONARY: up(m, side)}
        weights += k * n * rows.get(flow, 1)
    pads = found.scratchpad
    assert (pads["activation"].read_bytes, pads["weight"].read_bytes) == (activations, weights)

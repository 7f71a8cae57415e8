"""Layers on ANT's exported matrix engine: the sums of `--functional`, in the cycles that `sim` reports."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.ant.config import Dataflow, Schedule
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.machines.stated_trace import StatedOp, StatedTensor, stated_trace
from tandemsim.traces.codec import load
from tandemsim.traces.convolution import conv_output
from tests.ant import draws, machine_layers
from tests.cosim.ant import gemm
from tests.cosim.ant.configs import CLASS_A, CONFIGS
from tests.cosim.sample import ON_EACH, WHOLE

VIT = Path(__file__).parent / "ant" / "data" / "vit.json"  # two blocks of 64 elements, 4 heads, 17 tokens
BLOCK = "model.layers.0."
INTEGERS = ("int4", "int4u", "int8", "int8u")
INPUTS, SUMS = Dataflow.INPUT_STATIONARY, Dataflow.OUTPUT_STATIONARY

PADS = {"pad_top": 1, "pad_bottom": 1, "pad_left": 1, "pad_right": 1}
IMAGE = {
    "batch": 1,
    "height": 7,
    "width": 7,
    "stride_h": 2,
    "stride_w": 2,
    "dilation_h": 1,
    "dilation_w": 1,
    **PADS,
}
CONVOLUTIONS = {
    "whole": {"in_channels": 3, "out_channels": 5, "groups": 1, "kernel_h": 3, "kernel_w": 3},
    "grouped": {"in_channels": 6, "out_channels": 9, "groups": 3, "kernel_h": 1, "kernel_w": 2, "batch": 2},
    "depthwise": {"in_channels": 5, "out_channels": 5, "groups": 5, "kernel_h": 1, "kernel_w": 2},
}


def convolutions():
    """Return a trace of them one after the other, each of an image of its own."""
    tensors, ops = [], []
    for name, more in CONVOLUTIONS.items():
        dims = IMAGE | more
        depth = dims["in_channels"] // dims["groups"]
        image = dims["batch"], dims["in_channels"], dims["height"], dims["width"]
        weight = dims["out_channels"], depth, dims["kernel_h"], dims["kernel_w"]
        output = dims["batch"], dims["out_channels"], *conv_output(dims)
        first = len(tensors)
        tensors += [
            StatedTensor(image, "input"),
            StatedTensor(weight, "weight"),
            StatedTensor(output, "output"),
        ]
        ops.append(StatedOp("conv2d", name, dims, (first, first + 1), first + 2))
    return stated_trace("convolutions", "tests", tensors, ops)


def in_parts(config, weights=128):
    """Return a machine with room for so few weights, in bytes, that sums are cut into parts."""
    return replace(config, weight_scratchpad=BufferConfig(capacity_bytes=weights))


def like(config, **array):
    return replace(config, array=replace(config.array, **array))


# Staging buffers hold what full rate needs: the machine counts on it. PEs hold nine products at least.
SIX = draws.config(rows=6, cols=4, formats=INTEGERS, accumulator_width=12, dataflow=SUMS)
ARRAYS = {
    "weights": CONFIGS["weights"],
    "weights_in_parts": in_parts(CONFIGS["weights"]),
    "inputs_in_parts": in_parts(like(CONFIGS["weights"], dataflow=INPUTS)),
    "sums": SIX,
    "sums_in_parts": in_parts(SIX),
    "drain": in_parts(like(CONFIGS["weights"], schedule=Schedule.DRAIN)),
    "sums_drain": in_parts(CONFIGS["sums_drain"]),
}
CASES = [(array, bits) for array in (ARRAYS if WHOLE else ["weights"]) for bits in ("4", "8")]


def assert_unhindered(found, run):
    """Hold each task's last cycle to the machine's, and what a report says of the array's work to the sum.

    A report has the cycles from a task's first word to its last as `compute_cycles`, and those that the array
    needs between two tasks, or to load its first weights, as the stall `fill`. What it says after these are
    the skew of R + C - 2 cycles and three to the port, of which only those of the last task count.
    """
    ran, planned = found.ran(run), found.planned
    np.testing.assert_array_equal(ran.end, np.cumsum(found.gaps() + planned.cycles))
    reports = found.reports.values()
    assert sum(report.compute_cycles + report.stall_cycles["fill"] for report in reports) == ran.end[-1]


@ON_EACH
@pytest.mark.parametrize(("array", "bits"), CASES)
def test_convolutions_give_the_sums_of_functional_in_the_cycles_of_the_machine(array, bits, simulator):
    trace = convolutions()
    found = machine_layers.layers_of(trace, trace.ops, ARRAYS[array], bits)
    run = gemm.assert_twins(found.config, found.tiles, simulator, name=f"{array}-{bits}")
    machine_layers.assert_sums(found, run)
    assert_unhindered(found, run)


@ON_EACH
@pytest.mark.skipif(not WHOLE, reason="10,000 cycles of 8 x 8 PEs: make cosim")
@pytest.mark.parametrize("flow", Dataflow)
def test_a_block_of_a_transformer_gives_the_sums_of_functional_in_the_cycles_of_the_machine(flow, simulator):
    """Projections, both products of attention and the MLP of a ViT, each task from and to its very cycle.

    The array waits for norms and softmax as in the machine, since its activations come only then. Keys come
    in chunks of eight, so that sums of values end in the third.
    """
    trace = load(VIT)
    ops = [op for op in trace.ops if op.name.startswith(BLOCK)]
    config = in_parts(draws.config(rows=8, cols=8, formats=CLASS_A, dataflow=flow), weights=512)
    found = machine_layers.layers_of(trace, ops, config, "4")
    run = gemm.assert_twins(found.config, found.tiles, simulator, found.pauses(), name=f"block-{flow}")
    machine_layers.assert_sums(found, run)
    ran, planned = found.ran(run), found.planned
    np.testing.assert_array_equal(ran.start, planned.start)
    np.testing.assert_array_equal(ran.end, planned.end)
    before, kinds = 0, []
    for place in dict.fromkeys(found.places):
        report, own = found.reports[place], np.array(found.places) == place
        assert report.compute_cycles == ran.cycles[own].sum()
        assert report.cycles == ran.end[own][-1] - before
        before = ran.end[own][-1]
        kinds.append(report.kind)
    assert kinds == ["gemm"] * 3 + ["attention"] + ["gemm"] * 3

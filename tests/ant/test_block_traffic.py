"""Scales of blocks in memory: what a machine moves and keeps is counted anew, element by element."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.ant.im2col import Patches
from tandemsim.sim.ant.layers import Image, Product
from tandemsim.sim.ant.loop import Queue
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.ant.stored import stored_bits
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.traces.schema import Trace
from tests.ant.test_machine_loads import loaded, trace_of

NAMES = pytest.mark.parametrize("name", BLOCK_FORMATS)


def machine(flow: Dataflow = Dataflow.WEIGHT_STATIONARY, **held: int) -> AntConfig:
    formats = (*ANT.array.formats, "e2m1", "e2m3", "e3m2")
    array = dataclasses.replace(ANT.array, formats=formats, accumulator_width=24, dataflow=flow)
    held = {"accumulator": 1 << 20, "weight": 1 << 18, **held}
    pads = {f"{name}_scratchpad": BufferConfig(capacity_bytes=size) for name, size in held.items()}
    return dataclasses.replace(ANT, array=array, **pads)


def run(trace: Trace, name: str, config: AntConfig) -> AntRun:
    return simulate(trace, trace.ops, config, widths(trace, trace.ops, config.array, name))


def line_bytes(name: str, length: int) -> Fraction:
    """Return the bytes of a line of elements: each its code, and each block that one lies in its scale."""
    form = BLOCK_FORMATS[name]
    blocks = {place // form.length for place in range(length)}
    return Fraction(sum(form.element.bits for _ in range(length)) + 8 * len(blocks), 8)


@given(st.integers(1, 300), st.integers(1, 9), st.sampled_from(list(BLOCK_FORMATS)))
@settings(deadline=None)
def test_an_element_has_its_share_of_the_scales_that_its_line_has(line: int, lines: int, name: str) -> None:
    form = BLOCK_FORMATS[name]
    scales = sum(
        len({place // form.length for place in range(each * line, (each + 1) * line)})
        for each in range(lines)
    )
    bits = stored_bits(form.element.bits, name, line, lines)
    assert bits * line * lines == form.element.bits * line * lines + 8 * scales
    assert line % form.length or stored_bits(form.element.bits, name, line) == form.bits


def product(m: int, n: int, k: int) -> dict[str, Any]:
    return {"dims": {"m": m, "n": n, "k": k}, "shapes": {"input": (m, k), "weight": (k, n), "output": (m, n)}}


@NAMES
@pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.INPUT_STATIONARY])
@pytest.mark.parametrize(("m", "n", "k"), [(96, 160, 320), (8, 64, 100), (200, 64, 2048)])
def test_a_product_loads_each_code_and_each_scale_once(
    name: str, flow: Dataflow, m: int, n: int, k: int
) -> None:
    of = run(trace_of("gemm", **product(m, n, k)), name, machine(flow))
    assert loaded(of, Queue.ACTIVATION, 0) == m * line_bytes(name, k)
    assert loaded(of, Queue.WEIGHT, 1) == n * line_bytes(name, k)


def test_a_format_with_scales_moves_those_more_than_its_codes() -> None:
    """Beside integers of as many bits, by what the DRAM counts: a byte for each 32, or 16, elements."""
    read, m, n, k = {}, 96, 160, 320
    for name in ("4", "mxfp4", "nvfp4"):
        of = run(trace_of("gemm", **product(m, n, k)), name, machine())
        read[name] = int(of.dma.state[0].useful_bytes[0])
    assert read["mxfp4"] - read["4"] == (m + n) * k // 32
    assert read["nvfp4"] - read["4"] == (m + n) * k // 16


@NAMES
@pytest.mark.parametrize("between", [96, 100])
def test_results_that_the_next_product_reads_have_its_scales(name: str, between: int) -> None:
    """In memory, where they do not fit, and on the chip; a block is a row's, so it may end short."""
    first, second = product(64, between, 64), product(64, 64, between)
    trace = trace_of("gemm", first["dims"], first["shapes"], ("gemm", second["dims"], second["shapes"]))
    size = 64 * line_bytes(name, between)
    kept = run(trace, name, machine())
    ((_, held),) = kept.program.keeping.items()
    assert (held.size, loaded(kept, Queue.OUTPUT, 2), loaded(kept, Queue.ACTIVATION, 2)) == (size, 0, 0)
    assert kept.program.layers[0].scratchpad["activation"][1] == size
    small = run(trace, name, machine(activation=4096 if "8" not in name else 8192))
    assert not small.program.keeping
    written, read = loaded(small, Queue.OUTPUT, 2), loaded(small, Queue.ACTIVATION, 2)
    rounded = 0 if between % 32 == 0 else 64 * 4  # bytes in which parts of a row meet are moved with both
    assert size <= written <= size + rounded and size <= read <= size + rounded


IMAGES = [  # channels in and out, groups, kernel
    (64, 64, 1, 3),
    (3, 64, 1, 7),  # a pixel is less than a block
    (48, 32, 1, 3),  # a block and a half
    (64, 64, 64, 3),  # depthwise: 32 groups, or 16, share a tile and the scales of their pixels
    (12, 24, 3, 3),  # the last block of a pixel is short
    (96, 96, 2, 3),
    (96, 96, 4, 3),  # blocks that two groups have a part of
]


@NAMES
@pytest.mark.parametrize(("channels", "outputs", "groups", "kernel"), IMAGES)
def test_a_convolution_loads_each_code_and_each_scale_once(
    name: str, channels: int, outputs: int, groups: int, kernel: int
) -> None:
    """Of a weight, each place of the kernel has a scale for every block of a pixel that its group reaches."""
    side = 9
    dims = {"batch": 1, "in_channels": channels, "out_channels": outputs, "height": side, "width": side}
    dims |= {"kernel_h": kernel, "kernel_w": kernel, "groups": groups}
    each = channels // groups
    shapes = {
        "input": (1, channels, side, side), "weight": (outputs, each, kernel, kernel),
        "output": (1, outputs, side - kernel + 1, side - kernel + 1),
    }  # fmt: skip
    of = run(trace_of("conv2d", dims, shapes), name, machine())
    form = BLOCK_FORMATS[name]
    bits = 0
    for channel in range(outputs):
        first = channel // (outputs // groups) * each
        reached = {place // form.length for place in range(first, first + each)}
        bits += kernel**2 * (each * form.element.bits + 8 * len(reached))
    transfers = of.program.transfers
    tiles = len({int(base) for base in transfers.base[of.program.queues[Queue.WEIGHT] :]})
    assert bits / 8 <= loaded(of, Queue.WEIGHT, 1) <= bits / 8 + tiles  # whole bytes of each tile
    pixels = side**2 * line_bytes(name, channels)
    assert abs(loaded(of, Queue.ACTIVATION, 0) - pixels) <= 2 * groups
    (layer,) = (plan.layer for plan in of.program.layers)
    assert isinstance(layer, Product) and layer.image is not None
    assert layer.k % form.length == layer.image.depth % form.length == 0


@pytest.mark.parametrize("kernel", [3, 9, 11])
@pytest.mark.parametrize("flow", [Dataflow.WEIGHT_STATIONARY, Dataflow.INPUT_STATIONARY])
def test_parts_of_k_begin_with_a_tile_of_the_array(kernel: int, flow: Dataflow) -> None:
    """So the taps of a column end the blocks that their values are of, in the order of k."""
    channels, side = 40, kernel + 5
    dims = {"batch": 1, "in_channels": channels, "out_channels": 64, "height": side, "width": side}
    dims |= {"kernel_h": kernel, "kernel_w": kernel, "groups": 1}
    image, weight = (1, channels, side, side), (64, channels, kernel, kernel)
    trace = trace_of("conv2d", dims, {"input": image, "weight": weight, "output": (1, 64, 6, 6)})
    for name, rows in (("mxfp4", 64), ("mxint8", 32)):
        of = run(trace, name, machine(flow, weight=1 << 13))
        (plan,) = of.program.layers
        assert plan.mapping is not None and isinstance(plan.layer, Product)
        assert plan.mapping.tk < plan.layer.k and plan.mapping.tk % rows == 0


def test_zeros_behind_the_channels_of_a_pixel_are_not_read() -> None:
    image = Image(7, 6, 3, 3, 2, 2, 1, 1, 2, 1, 1, 4, 6)
    padded = dataclasses.replace(image, padding=13)
    rng = np.random.default_rng(0)

    def listed(low: int, high: int) -> Iterable[int]:
        """Yield the columns of K without those zeros, of those with."""
        return (column // 16 * 3 + column % 16 for column in range(low, high) if column % 16 < image.channels)

    for _ in range(50):
        m, tm = int(rng.integers(0, 20)), int(rng.integers(1, 5))
        low, high = sorted(rng.integers(0, 6 * 16 + 1, 2).tolist())
        one_by_one = sum(Patches(image).reads(m, tm, column, 1) for column in listed(low, high))
        assert Patches(padded).reads(m, tm, low, high - low) == one_by_one


@NAMES
def test_the_array_reads_the_scales_with_their_codes(name: str) -> None:
    """Weight stationary, for each pass over the columns, all rows of activations; each weight once."""
    of = run(trace_of("gemm", **product(40, 160, 320)), name, machine())
    (plan,) = of.program.layers
    passes = 160 // 32 if name == "mxint8" else -(-160 // 64)
    assert plan.scratchpad["activation"][0] == 40 * line_bytes(name, 320) * passes
    assert plan.scratchpad["weight"][0] == 160 * line_bytes(name, 320)


def test_accumulators_of_every_tap_of_a_column_are_counted() -> None:
    """A significand of 32 or 40 bits and an exponent, for each block that a column of 64 PEs has."""
    trace = trace_of("gemm", **product(64, 64, 256))
    sums = 64 * 64 * 4  # results, tiles of k
    for name, each in (("4", 4), ("mxfp4", 2 * 6), ("mxint8", 6), ("nvfp4", 4 * 7)):
        tiles = 2 if name == "mxint8" else 1  # of 32 elements
        (plan,) = run(trace, name, machine()).program.layers
        assert plan.scratchpad["accumulator"] == [sums * each * tiles] * 2

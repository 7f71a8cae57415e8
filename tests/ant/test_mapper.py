"""`sim.ant.mapper`: no tiling is better than its, and the machine takes what it estimates."""

from __future__ import annotations

import dataclasses
import math
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandemsim.sim.ant.layers import Product
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.mapper import best_mapping, candidates, task_cycles
from tandemsim.sim.ant.mapper_costs import RUN_AHEAD, Shape
from tandemsim.sim.ant.program import program
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.traces.schema import Trace
from tests.ant.test_machine_random import one_op

SIZES = st.integers(1, 200)


def config(rows: int, dataflow: Dataflow, held: tuple[int, int, int]) -> AntConfig:
    activation, weight, sums = (BufferConfig(capacity_bytes=size) for size in held)
    formats = (*ANT.array.formats, "e2m1")
    array = dataclasses.replace(ANT.array, rows=rows, cols=rows, dataflow=dataflow, formats=formats)
    return dataclasses.replace(
        ANT,
        array=array,
        activation_scratchpad=activation,
        weight_scratchpad=weight,
        accumulator_scratchpad=sums,
    )


def shape(m: int, n: int, k: int, bits: tuple[int, int]) -> Shape:
    return Shape(m, n, k, 1, nibbles(bits), bits[1], 8, 1, 1, m * k * bits[0] / 8, 0.0, 0, 0, 4)


def nibbles(bits: tuple[int, int]) -> tuple[int, int]:
    return bits[0] // 4, bits[1] // 4


def walked(made: AntConfig, of: Shape, tile: tuple[int, int, int]) -> int:
    """Return the cycles of the array, task by task; one begins when the next tile of the array could."""
    tm, tn, tk = tile
    deep = range(0, of.k, tk)
    parts = [min(tk, of.k - k) for k in deep]
    if not made.array.stationary:
        parts = [of.k * (i + 1) // len(deep) - of.k * i // len(deep) for i in range(len(deep))]
    total = 0
    for m in range(0, of.m, tm):
        for n in range(0, of.n, tn):
            for part in parts:
                work = task_cycles(made, min(tm, of.m - m), min(tn, of.n - n), part, of.operands, of.fold)
                # a stream ends with its last word: the rest of that array tile is not in it
                rows = work.last_rows if not made.array.stationary else work.first_rows
                words = work.first_words  # of the next task, which are as many
                total += work.stream + max(words, rows) - words
    return total


def cuts(size: int, granule: int, are_equal: bool) -> list[int]:
    """Return all tiles of a dimension: multiples of its granule, or equal parts, as many."""
    tiles = sorted({min(size, granule * count) for count in range(1, -(-size // granule) + 1)})
    return sorted({-(-size // -(-size // tile)) for tile in tiles}) if are_equal else tiles


def by_brute_force(made: AntConfig, of: Shape) -> list[tuple[float, float, int, bool]]:
    """Return bytes, cycles, tasks and whether it fits of every tiling, written down anew from the page."""
    array, (left, above), found = made.array, of.operands, []
    stationary = array.dataflow is not Dataflow.OUTPUT_STATIONARY
    rows = {"ws": 1, "os": array.tile_rows(left), "is": array.tile_cols(left)}[array.dataflow]
    cols = 1 if array.dataflow is Dataflow.INPUT_STATIONARY else array.tile_cols(above)
    deep = array.tile_rows(above if array.dataflow is Dataflow.INPUT_STATIONARY else left)
    for tm in cuts(of.m, rows if of.m_granule == 1 else of.m_granule, False):
        for tn in cuts(of.n, cols, False):
            for tk in cuts(of.k, max(deep, of.k_granule), not stationary):
                for n_outer in (False, True):
                    found.append(one_tiling(made, of, (tm, tn, tk), n_outer))
    return found


def one_tiling(
    made: AntConfig, of: Shape, tile: tuple[int, int, int], n_outer: bool
) -> tuple[float, float, int, bool]:
    array, (tm, tn, tk) = made.array, tile
    trips = [-(-size // each) for size, each in zip((of.m, of.n, of.k), tile, strict=True)]
    halo = of.halo_bytes * tk / of.k
    activation = min(of.activation_bytes, of.activation_bytes * tm / of.m * tk / of.k + halo)
    weight = math.ceil(tk * tn * of.weight_bits / 8)
    words, columns = (tn, tm) if array.dataflow is Dataflow.INPUT_STATIONARY else (tm, tn)
    wide = of.operands[0 if array.dataflow is Dataflow.INPUT_STATIONARY else 1]
    tiles = math.ceil(columns / (array.cols // wide))  # next to each other, each with words of all PE columns
    if trips[2] == 1:
        tiles = 0 if array.dataflow is Dataflow.OUTPUT_STATIONARY else 1
    if array.dataflow is Dataflow.OUTPUT_STATIONARY and trips[2] == 1 and tk > of.fold:
        words, tiles = min(tm, array.rows // of.operands[0]), 1  # whose parts of k meet at the foot
    fits = (
        RUN_AHEAD * activation <= made.activation_scratchpad.capacity_bytes
        and RUN_AHEAD * weight <= made.weight_scratchpad.capacity_bytes
        and of.sum_bytes * words * tiles * array.cols <= made.accumulator_scratchpad.capacity_bytes
        and 2 * math.ceil(tm * tn * of.output_bits / 8) <= made.output_scratchpad.capacity_bytes
    )
    halos = 0.0  # tiles of an image whose neighbor gave way to other parts of k read their common rows again
    if trips[2] > 1 and (trips[2] + 1) * activation > made.activation_scratchpad.capacity_bytes:
        halos = (trips[0] - 1) * of.halo_bytes
    reads = {}
    for name, size, one, outer in (
        ("activation", of.activation_bytes, activation, n_outer),
        ("weight", math.ceil(of.k * of.n * of.weight_bits / 8), weight, not n_outer),
    ):
        met = one * trips[2]  # by the loop over k
        if outer:  # the loop that the operand does not depend on is outside of the one that it depends on
            met = size if name == "activation" else met * trips[1]
        held = getattr(made, f"{name}_scratchpad").capacity_bytes
        again = trips[1] if name == "activation" else trips[0]
        once = size + (halos if name == "activation" else 0)
        reads[name] = once * (1 if met <= held else again)
    moved = reads["activation"] + reads["weight"] + of.m * of.n * of.output_bits / 8
    return moved, walked(made, of, tile) if fits else math.inf, math.prod(trips), fits


def parts_of_k(made: AntConfig, k: int, tk: int) -> set[int]:
    """Return the lengths of the parts of k: all equal but the last, or output stationary within one."""
    count = -(-k // tk)
    return {tk, k - (count - 1) * tk} if made.array.stationary else {k // count, -(-k // count)}


def three(draw: st.DrawFn, sizes: list[int]) -> tuple[int, int, int]:
    first, second, third = (draw(st.sampled_from(sizes)) for _ in range(3))
    return first, second, third


@st.composite
def layers(draw: st.DrawFn) -> tuple[AntConfig, Shape]:
    rows, flow = draw(st.sampled_from([4, 8, 16])), draw(st.sampled_from(Dataflow))
    held = three(draw, [300, 700, 1500, 4000])
    bits = draw(st.sampled_from([4, 8])), draw(st.sampled_from([4, 8]))
    k, n = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    if draw(st.booleans()):
        m = draw(st.integers(1, 24))
        of = shape(m, n, k, bits)._replace(fold=draw(st.sampled_from([1, 3, 7, 100])))
        if draw(st.booleans()):  # in blocks, of which the last may be short
            scales = 8 * -(-k // 16) / k
            size = m * k * (bits[0] + scales) / 8
            of = of._replace(
                weight_bits=bits[1] + scales, activation_bytes=size, output_bits=4.5, sum_bytes=7
            )
        return config(rows, flow, held), of
    k = min(k, 12)
    width, height, places = (
        draw(st.integers(2, 9)),
        draw(st.integers(1, 12)),
        draw(st.sampled_from([1, 4, 9])),
    )
    size = draw(st.floats(0.2, 1)) * width * height * k * places * bits[0] / 8
    of = shape(width * height, n, k * places, bits)
    of = of._replace(m_granule=width, k_granule=places, activation_bytes=size, halo_bytes=size / height)
    of = of._replace(fold=draw(st.sampled_from([2, 5, 30, 200])))
    return config(rows, flow, held), of


@settings(max_examples=int(os.environ.get("TANDEM_MAPPER_EXAMPLES", "25")), deadline=None)
@given(layers())
def test_no_tiling_is_better_than_the_one_that_is_found(layer: tuple[AntConfig, Shape]) -> None:
    """The best: the fewest bytes within 1/64 of the fewest cycles, then the fewest tasks, then cycles."""
    made, of = layer
    fitting = [each[:3] for each in by_brute_force(made, of) if each[3]]
    try:
        found = best_mapping(made, of)
    except ConfigError:
        assert not fitting
        return
    least = min(cycles for _, cycles, _ in fitting)
    best = min((moved, tasks, cycles) for moved, cycles, tasks in fitting if cycles <= least * (1 + 1 / 64))
    tile = found.tm, found.tn, found.tk
    moved, cycles, tasks, fits = one_tiling(made, of, tile, found.n_outer)
    assert fits and (moved, tasks, cycles) == best
    assert (found.cycles, found.bytes) == (cycles, int(moved))


@given(st.integers(1, 5000), st.integers(1, 100))
def test_candidates_are_the_smallest_tile_of_every_trip_count(size: int, granule: int) -> None:
    count = -(-size // granule)
    wanted = {min(size, -(-count // trips) * granule) for trips in range(1, count + 1)}
    assert set(candidates(size, granule).tolist()) == wanted


def test_a_product_that_fits_no_tiling_names_the_scratchpad() -> None:
    made = config(16, Dataflow.WEIGHT_STATIONARY, (1024, 1024, 1024))
    made = dataclasses.replace(made, weight_scratchpad=BufferConfig(capacity_bytes=100))
    with pytest.raises(ConfigError, match="^weight_scratchpad.capacity_bytes must be at least 512 for its"):
        best_mapping(made, shape(64, 64, 64, (4, 4)))


@st.composite
def one_product(draw: st.DrawFn) -> tuple[AntConfig, Trace, str]:
    """Draw a product of even sides, so that most rows are whole bytes; its scratchpads hold it or not."""
    rows, flow = draw(st.sampled_from([4, 8, 16, 64])), draw(st.sampled_from(Dataflow))
    held = three(draw, [700, 1500, 4000, 16000])
    m, n, k = (2 * draw(st.integers(1, 90)) for _ in range(3))
    bits = draw(st.sampled_from(["4", "8", "mxfp4", "nvfp4", "mxint8"]))
    if bits not in ("4", "8") and draw(st.booleans()):
        k = 32 * -(-k // 32)
    if draw(st.booleans()):
        return (
            config(rows, flow, held),
            one_op("gemm", {"m": m, "n": n, "k": k}, (m, k), (k, n), (m, n)),
            bits,
        )
    height, width, kernel = draw(st.integers(3, 30)), draw(st.integers(3, 30)), draw(st.sampled_from([1, 3]))
    return config(rows, flow, held), convolution(k, n, height, width, kernel), bits


def convolution(channels: int, outputs: int, height: int, width: int, kernel: int) -> Trace:
    dims = {"batch": 1, "in_channels": channels, "out_channels": outputs, "height": height, "width": width}
    dims |= {"kernel_h": kernel, "kernel_w": kernel, "groups": 1}
    image, weights = (1, channels, height, width), (outputs, channels, kernel, kernel)
    return one_op("conv2d", dims, image, weights, (1, outputs, height - kernel + 1, width - kernel + 1))


HALO = config(8, Dataflow.WEIGHT_STATIONARY, (1500, 4000, 4000)), convolution(48, 10, 16, 18, 3), "4"


@settings(max_examples=30, deadline=None)
@given(one_product())
@example(HALO)
def test_the_machine_moves_the_bytes_that_are_estimated(product: tuple[AntConfig, Trace, str]) -> None:
    """Exactly those, but for bytes cut in two, and for last tiles so small that they fit beside others."""
    made, trace, bits = product
    try:
        of_ops = widths(trace, trace.ops, made.array, bits)
        planned = program(made, Lowering(trace, trace.ops, of_ops, 1, made.array), lambda *_: None)
    except ConfigError:
        return
    (layer,), transfers = planned.layers, planned.transfers
    moved, mapping = int((transfers.rows * transfers.row_bytes).sum()), layer.mapping
    assert mapping is not None and isinstance(layer.layer, Product)
    if any(
        part * width % 8
        for part in parts_of_k(made, layer.layer.k, mapping.tk)
        for width in layer.layer.widths
    ):
        return  # its scratchpads hold more than is estimated, and where they just hold it all, not that
    rounded = int(transfers.rows[transfers.rows * transfers.row_bytes > 0].sum())
    assert moved <= mapping.bytes + rounded
    sides = (layer.layer.m, mapping.tm), (layer.layer.n, mapping.tn), (layer.layer.k, mapping.tk)
    if all(size % tile == 0 for size, tile in sides):
        assert moved >= mapping.bytes - rounded

"""Plans a product: its tiles by the mapper, a task for each part of k of each tile of the output."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tandemsim.sim.ant.loop import NONE, Engine, Queue
from tandemsim.sim.ant.lowering import Product
from tandemsim.sim.ant.mapper import Mapping, task_cycles
from tandemsim.sim.ant.mapper_costs import Shape
from tandemsim.sim.ant.planned import LayerPlan
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.arch.ant.config import Dataflow
from tandemsim.sim.arch.ant.widths import NIBBLE


def product_shape(planner: Planner, layer: Product, output_bits: int) -> Shape:
    """Return a product as the mapper sees it, or the largest of its blocks of rows.

    `output_bits` of each result are written to DRAM.
    """
    image, bits = layer.image, layer.bits
    m = max(last - first for first, last in layer.row_blocks or ((0, layer.m),))
    size = m * layer.k * bits.activation / 8
    halo, granule, places = 0.0, 1, 1
    if image is not None:
        images = layer.m / (image.out_height * image.out_width)
        size = images * image.height * image.width * image.channels * bits.activation / 8
        extent = image.dilation_h * (image.kernel_h - 1) + 1
        halo = max(0, extent - image.stride_h) * image.width * image.channels * bits.activation / 8
        granule, places = image.out_width, image.kernel_h * image.kernel_w
    return Shape(
        m,
        layer.n,
        layer.k,
        layer.count,
        bits.operands,
        bits.weight,
        output_bits,
        granule,
        places,
        size,
        halo,
        *_beside(planner, layer, layer.count * layer.m * layer.n),
    )


def _beside(planner: Planner, layer: Product, elements: int) -> tuple[int, int]:
    """Return the bits that riders read for each of the output's elements, and the bytes they read once."""
    bits = once = 0
    for tensor in layer.operands:
        size = planner.once_bytes(tensor, elements)
        bits += 0 if size else planner.read_bits(tensor)
        once += size
    return bits, once


def plan_product(planner: Planner, place: int, layer: Product) -> None:
    """Plan a product. Raises `ConfigError` where no tile fits."""
    planner.keep(place)
    blocks = layer.row_blocks or ((0, layer.m),)
    shape = product_shape(planner, layer, sum(planner.written_bits(layer.output)))
    kept = planner.kept(layer.activation, layer.bits.activation)
    mapping = planner.search(shape).best(planner.rooms[place], kept is not None)
    planner.plans[place].mapping = mapping
    for item in range(layer.count):
        before = 0
        for first, last in blocks:
            for m, n in _tiles(mapping, first, last, layer.n):
                _tile(planner, place, layer, shape, mapping, item, m, n, _Rows(first, last, before))
            before += last - first


class _Rows(NamedTuple):
    """The block of rows that a tile belongs to."""

    first: int
    last: int
    before: int  # rows that run before it


def _tiles(mapping: Mapping, first: int, last: int, n: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and column of the tiles of a block of rows, in their order."""
    rows, cols = range(first, last, mapping.tm), range(0, n, mapping.tn)
    if mapping.n_outer:
        return ((row, col) for col in cols for row in rows)
    return ((row, col) for row in rows for col in cols)


def _tile(
    planner: Planner,
    place: int,
    layer: Product,
    shape: Shape,
    mapping: Mapping,
    item: int,
    m: int,
    n: int,
    rows: _Rows,
) -> None:
    """Plan one (tm, tn) tile of the output: a task for each part of k."""
    tm, tn = min(mapping.tm, rows.last - m), min(mapping.tn, layer.n - n)
    plan, so_far = planner.plans[place], rows.before + m + tm - rows.first
    bits = layer.bits
    part = _input_part(planner, layer, item, so_far)
    task = NONE
    kept = planner.kept(layer.activation, bits.activation)
    for k, tk in _parts_of_k(planner, layer, mapping):
        work = task_cycles(planner.config, tm, tn, tk, bits.operands)
        if bits.activation <= NIBBLE:
            more = planner.config.outliers.cycles(work.stream, planner.config.array.pe_bits)
            plan.outlier_cycles += more
            work = work._replace(stream=work.stream + more)
        task = planner.array_task(place, work)
        plan.macs += tm * tn * tk
        if kept is not None:
            planner.await_kept(kept, task, part)
        else:
            planner.load(
                Queue.ACTIVATION, (place, "A", item, m, k), layer.activation, task,
                _activation_run(planner, layer, shape, item, m, tm, k, tk), part,
            )  # fmt: skip
        size = -(-tk * tn * bits.weight // 8)
        base = planner.at(layer.weight, bits.weight)
        offset = ((item * layer.n + n) * layer.k + k * tn) * bits.weight // 8
        planner.load(
            Queue.WEIGHT,
            (place, "W", item, n, k),
            layer.weight,
            task,
            (base + offset, 1, size, size),
            1.0,
        )
        if bits.activation <= NIBBLE and kept is None:
            key: tuple[Hashable, ...] = (place, "A", item, m, k)
            planner.load_outliers(Queue.ACTIVATION, key, layer.activation, task, tm * tk, part)
        if bits.weight <= NIBBLE:
            key = (place, "W", item, n, k)
            planner.load_outliers(Queue.WEIGHT, key, layer.weight, task, tk * tn, 1.0)
        count_scratchpads(planner, plan, layer, tm, tn, tk)
    planner.riders(place, layer, task, item * layer.m + m, tm, n, tn, layer.count * layer.m, layer.n)
    runs = []
    for width in planner.written_bits(layer.output):
        row = -(-tn * width // 8)  # whole bytes
        stride = max(row, layer.n * width // 8)
        base = planner.at(layer.output, width) + ((item * layer.m + m) * layer.n + n) * width // 8
        runs.append((base, 1, row * tm, row * tm) if tn == layer.n else (base, tm, row, stride))
        apart = planner.config.outliers.size_bytes(tm * tn) if width <= NIBBLE else 0
        if apart:
            runs.append((planner.outliers_at(layer.output), 1, apart, apart))
    planner.room(Queue.OUTPUT, Engine.ARRAY, sum(rows * size for _, rows, size, _ in runs), task)
    done = 0.0  # part of the output that is there, from the first row on
    if n + tn == layer.n:
        if not mapping.n_outer or mapping.tn >= layer.n or m + tm == rows.last:
            done = (item + so_far / layer.m) / layer.count
        if not _ascend(layer.row_blocks) and so_far < layer.m:
            done = item / layer.count
    planner.write(Queue.OUTPUT, place, task, runs, layer.output, done)


def _parts_of_k(planner: Planner, layer: Product, mapping: Mapping) -> list[tuple[int, int]]:
    """Return where each part of k begins and how long it is.

    Output stationary, they are equal within one, as those of `functional.parts_of_k`: a short last one would
    cost as many cycles as the tile has rows.
    """
    if planner.config.array.stationary:
        return [(k, min(mapping.tk, layer.k - k)) for k in range(0, layer.k, mapping.tk)]
    count = -(-layer.k // mapping.tk)
    bounds = [part * layer.k // count for part in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(bounds)]


def _ascend(blocks: Sequence[tuple[int, int]]) -> bool:
    return all(before[1] == after[0] for before, after in pairwise(blocks))


def _activation_run(
    planner: Planner, layer: Product, shape: Shape, item: int, m: int, tm: int, k: int, tk: int
) -> tuple[int, int, int, int]:
    bits, image = layer.bits.activation, layer.image
    base = planner.at(layer.activation, bits)
    if image is not None:
        share = shape.activation_bytes / layer.m * tk / layer.k
        halo = shape.halo_bytes * tk / layer.k if m == 0 else 0.0
        size = max(1, min(int(shape.activation_bytes), int(share * tm + halo)))
        whole = max(1, int(shape.activation_bytes))
        offset = min(int(share * m) * layer.count + item * size, max(0, whole * layer.count - size))
        return base + offset, 1, size, size
    offset = base + ((item * layer.m + m) * layer.k + k) * bits // 8
    row = max(1, -(-tk * bits // 8))
    if tk == layer.k:
        return offset, 1, max(1, tm * tk * bits // 8), row
    return offset, tm, row, max(row, layer.k * bits // 8)


def _input_part(planner: Planner, layer: Product, item: int, m_end: int) -> float:
    """Return which part of the activation must be there for the first `m_end` places of a product."""
    image = layer.image
    if image is None:
        return (item + m_end / layer.m) / layer.count
    rows = -(-m_end // image.out_width)
    images, inside = divmod(rows - 1, image.out_height)
    extent = image.dilation_h * (image.kernel_h - 1) + 1
    needed = min(image.height, inside * image.stride_h + extent)
    total = layer.m // (image.out_height * image.out_width)
    return (images * image.height + needed) / (total * image.height)


def count_scratchpads(planner: Planner, plan: LayerPlan, layer: Product, tm: int, tn: int, tk: int) -> None:
    """Count what the array reads and writes: streams once for each pass over the other side."""
    array, bits = planner.config.array, layer.bits
    rows, cols = array.tile_rows(bits.operands[0]), array.tile_cols(bits.operands[1])
    activation = tm * tk * bits.activation // 8
    weight = tk * tn * bits.weight // 8
    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        reads = activation * -(-tn // cols), weight * -(-tm // rows)
        sums = 1
    elif array.dataflow is Dataflow.INPUT_STATIONARY:
        reads = activation, weight * -(-tm // array.tile_cols(bits.operands[0]))
        sums = -(-tk // array.tile_rows(bits.operands[1]))
    else:
        reads = activation * -(-tn // cols), weight
        sums = -(-tk // rows)
    word = planner.config.array.foot_width // 8
    for name, read, write in (
        ("activation", reads[0], 0),
        ("weight", reads[1], 0),
        ("accumulator", tm * tn * word * sums, tm * tn * word * sums),
    ):
        counts = plan.scratchpad.setdefault(name, [0, 0])
        counts[0] += read
        counts[1] += write

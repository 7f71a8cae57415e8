"""Plans a product: its tiles by the mapper, a task for each part of k of each tile of the output."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from tandemsim.sim.ant.block_sums import sum_bytes
from tandemsim.sim.ant.layers import Image, Product, Width
from tandemsim.sim.ant.loop import NONE, Engine, Queue
from tandemsim.sim.ant.mapper import Mapping, Search, no_tile, task_cycles
from tandemsim.sim.ant.mapper_costs import LIMITS, Shape
from tandemsim.sim.ant.plan_banks import bank_conflicts, codes_read, count_traffic
from tandemsim.sim.ant.plan_riders import load_riders, once_bytes
from tandemsim.sim.ant.planned import Extent
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.stored import stored_bits
from tandemsim.sim.ant.too_small import TooSmallError
from tandemsim.sim.arch.ant.widths import NIBBLE

RESIDUAL = "residual_scratchpad"


def product_shape(planner: Planner, layer: Product, output_bits: Width) -> Shape:
    """Return a product as the mapper sees it, or the largest of its blocks of rows.

    `output_bits` of each result are written to DRAM.
    """
    image, (activation, weight) = layer.image, layer.widths
    m = max(last - first for first, last in layer.row_blocks or ((0, layer.m),))
    size = float(m * layer.k * activation / 8)
    halo, granule, places = 0.0, 1, 1
    if image is not None:
        images = layer.m / (image.out_height * image.out_width)
        size = images * float(image.height * image.width * image.channels * activation) / 8
        extent = image.dilation_h * (image.kernel_h - 1) + 1
        halo = float(max(0, extent - image.stride_h) * image.width * image.channels * activation / 8)
        granule, places = image.out_width, image.kernel_h * image.kernel_w
        if layer.bits.blocks[0]:  # parts of k begin with a tile, and so with a block
            places = 1
    return Shape(
        m,
        layer.n,
        layer.k,
        layer.count,
        layer.bits.operands,
        float(weight * layer.density),
        float(output_bits),
        granule,
        places,
        size,
        halo,
        *_beside(planner, layer, layer.count * layer.m * layer.n, planner.riding.capacity),
        sum_bytes(planner.config.array, layer.bits),
        layer.bits.fold,
    )


def _beside(planner: Planner, layer: Product, elements: int, residual_bytes: int) -> tuple[int, int]:
    """Return the bits that riders read for each of the output's elements, and the bytes they read once."""
    bits = once = 0
    for tensor in layer.operands:
        size = once_bytes(planner, tensor, elements, residual_bytes)
        bits += 0 if size else planner.read_bits(tensor)
        once += size
    return bits, once


def check_product(planner: Planner, layer: Product) -> None:
    """Raise the `ConfigError` of `plan_product` where no tile fits, before anything is planned."""
    best_mapping(planner, layer, product_shape(planner, layer, sum(planner.written_bits(layer.output))))


def plan_product(planner: Planner, place: int, layer: Product) -> None:
    """Plan a product. Raises `ConfigError` where no tile fits."""
    planner.keep(place)
    blocks = layer.row_blocks or ((0, layer.m),)
    shape = product_shape(planner, layer, sum(planner.written_bits(layer.output)))
    mapping = best_mapping(planner, layer, shape)
    planner.plans[place].mapping = mapping
    for item in range(layer.count):
        before = 0
        for first, last in blocks:
            for m, n in _tiles(mapping, first, last, layer.n):
                _tile(planner, place, layer, shape, mapping, item, m, n, _Rows(first, last, before))
            before += last - first


def best_mapping(planner: Planner, layer: Product, shape: Shape) -> Mapping:
    """Return the tiles of a product. Raises `ConfigError` where none fits."""
    search, room = planner.search(shape), planner.rooms[planner.place]
    is_there = planner.kept(layer.activation, layer.widths[0]) is not None
    try:
        return search.best(room, is_there)
    except TooSmallError:
        missing = search.missing(room, is_there)
        if RESIDUAL in missing:
            missing[RESIDUAL] = _least_residual(planner, layer, shape, missing, is_there)
        raise no_tile(planner.config, missing) from None


def _least_residual(
    planner: Planner, layer: Product, shape: Shape, missing: dict[str, int], is_there: bool
) -> int:
    """Return the least bytes of the residual scratchpad with which a product has tiles.

    A larger one reads more of its tensors once, which takes less of it. `missing` is what scratchpads lack as
    they are; the others are taken to have it.
    """
    sizes = {
        name: replace(pad, capacity_bytes=missing.get(name, pad.capacity_bytes))
        for name in LIMITS
        for pad in [getattr(planner.config, name)]
    }

    more = sizes["activation_scratchpad"].capacity_bytes - planner.config.activation_scratchpad.capacity_bytes

    def fits(size: int) -> bool:
        pad = replace(planner.config.residual_scratchpad, capacity_bytes=size)
        config = replace(planner.config, **{**sizes, RESIDUAL: pad})
        beside = _beside(planner, layer, layer.count * layer.m * layer.n, size)
        other = shape._replace(beside_bits=beside[0], parameter_bytes=beside[1])
        return Search(config, other).has_mapping(planner.rooms[planner.place] + more, is_there)

    low = planner.config.residual_scratchpad.capacity_bytes
    high = 2 * low
    while not fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


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
    part = _input_part(layer, item, so_far)
    task = NONE
    kept = planner.kept(layer.activation, layer.widths[0])
    for k, tk in _parts_of_k(planner, layer, mapping):
        work = task_cycles(planner.config, tm, tn, tk, bits.operands, bits.fold)
        first, waits = bank_conflicts(planner.config.array, layer, (m, tm), tn, (k, tk))
        plan.conflicts += waits
        work = work._replace(stream=work.stream + waits, first_words=work.first_words + first)
        if layer.widths[0] <= NIBBLE:
            more = planner.config.outliers.cycles(work.stream, planner.config.array.pe_bits)
            plan.outlier_cycles += more
            work = work._replace(stream=work.stream + more)
        extent = Extent(item, m, tm, n, tn, k, tk, ends=k + tk == layer.k)
        task = planner.array_task(place, work, extent)
        plan.macs += tm * tn * tk
        if kept is not None:
            planner.await_kept(kept, task, part)
        else:
            run = _activation_run(planner, layer, shape, item, m, tm, k, tk)
            if layer.image is not None and shape.halo_bytes and m % layer.image.places:
                before = (place, "A", item, m - mapping.tm, k)
                run = _with_halo(planner, shape, run, before, task, tk / layer.k)
            planner.load(Queue.ACTIVATION, (place, "A", item, m, k), layer.activation, task, run, part)
        which = item % layer.weights if layer.weights else item
        width = layer.widths[1]
        size = -(-tk * tn * width * layer.density // 8)
        base = planner.at(layer.weight, width)
        offset = ((which * layer.n + n) * layer.k + k * tn) * width * layer.density // 8
        planner.load(
            Queue.WEIGHT,
            (place, "W", which, n, k),
            layer.weight,
            task,
            (base + offset, 1, size, size),
            1.0,
        )
        if layer.widths[0] <= NIBBLE and kept is None:
            key: tuple[Hashable, ...] = (place, "A", item, m, k)
            planner.load_outliers(Queue.ACTIVATION, key, layer.activation, task, tm * tk, part)
        if layer.widths[1] <= NIBBLE:
            key = (place, "W", which, n, k)
            planner.load_outliers(Queue.WEIGHT, key, layer.weight, task, int(tk * tn * layer.density), 1.0)
        codes = codes_read(planner.config.array, layer, (m, tm), (k, tk))
        widths = layer.widths[0], stored_bits(bits.weight, bits.blocks[1], layer.k)
        count_traffic(planner.config.array, plan, bits, (tm, tn, tk), codes, widths)
    load_riders(planner, place, layer, task, item * layer.m + m, tm, n, tn, layer.count * layer.m, layer.n)
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
    # Part of the item, and of the output, that is there from the first row on.
    ends_rows = n + tn == layer.n and (not mapping.n_outer or mapping.tn >= layer.n or m + tm == rows.last)
    in_order = _ascend(layer.row_blocks) or so_far == layer.m
    of_item = so_far / layer.m if ends_rows and in_order else 0.0
    if layer.image is None:
        done = (item + of_item) / layer.count
    else:  # the channels of a pixel come group by group
        done = of_item if item == layer.count - 1 else 0.0
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
    """Return what a tile reads: of an image the rows that the tiles before it have not read."""
    bits, image = layer.widths[0], layer.image
    base = planner.at(layer.activation, bits)
    if image is not None:
        total, rows = shape.activation_bytes, _input_rows(image, layer.m)
        first, last = (_input_rows(image, places) / rows for places in (m, m + tm))
        low, high = k / layer.k, (k + tk) / layer.k
        # so cut that all pieces together are the image
        size = int(last * high * total) - int(first * high * total)
        size = max(1, size - int(last * low * total) + int(first * low * total))
        offset = int(first * total) * layer.count + item * size
        return base + min(offset, max(0, int(total) * layer.count - size)), 1, size, size
    offset = base + ((item * layer.m + m) * layer.k + k) * bits // 8
    row = max(1, -(-tk * bits // 8))
    if tk == layer.k:
        return offset, 1, max(1, tm * tk * bits // 8), row
    return offset, tm, row, max(row, layer.k * bits // 8)


def _with_halo(
    planner: Planner, shape: Shape, run: tuple[int, int, int, int], before: Hashable, task: int, part: float
) -> tuple[int, int, int, int]:
    """Add to a run the rows that the tile before shares with it, unless that one is still there.

    `part`: of the channels and kernel places, which the tile has.
    """
    if planner.rings[Queue.ACTIVATION].keep(before, task):
        return run
    base, _, size, _ = run
    halo = int(shape.halo_bytes * part)
    return max(0, base - halo), 1, size + halo, size + halo


def _input_rows(image: Image, places: int) -> int:
    """Return how many rows of the images the first places of a convolution read; all of each finished one."""
    if places == 0:
        return 0
    images, inside = divmod(-(-places // image.out_width) - 1, image.out_height)
    extent = image.dilation_h * (image.kernel_h - 1) + 1
    needed = image.height
    if inside < image.out_height - 1:
        needed = min(needed, inside * image.stride_h + extent)
    return images * image.height + needed


def _input_part(layer: Product, item: int, m_end: int) -> float:
    """Return which part of the activation must be there for the first `m_end` places of a product."""
    if layer.image is None:
        return (item + m_end / layer.m) / layer.count
    return _input_rows(layer.image, m_end) / _input_rows(layer.image, layer.m)

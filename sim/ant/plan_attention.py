"""Plans attention: scores of a block of queries, their softmax, and the weighted sum one block behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import Attention, Width
from tandemsim.sim.ant.loop import NONE, Engine, Queue
from tandemsim.sim.ant.mapper import task_cycles
from tandemsim.sim.ant.mapper_costs import accumulators
from tandemsim.sim.ant.plan_banks import count_traffic
from tandemsim.sim.ant.plan_riders import load_riders
from tandemsim.sim.ant.planned import AWAITED, WAKES, Extent
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.too_small import Least, TooSmallError
from tandemsim.sim.arch.ant.config import Dataflow

QUERY_BLOCKS = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)  # sizes that are tried


class _Block(NamedTuple):
    """Queries `first` to `last` - 1 of a head, and the keys that they meet."""

    first: int
    last: int
    keys: int
    start: int  # the first of these keys; sinks and global tokens are counted with the others


def plan_attention(planner: Planner, place: int, layer: Attention) -> None:
    planner.keep(place)
    blocks = _blocks(planner, layer)
    pending: tuple[int, _Block, int] | None = None  # head, block, softmax
    for head in range(layer.heads):
        for block in blocks:
            softmax = _scores(planner, place, layer, head, block)
            if pending is not None:
                _weighted(planner, place, layer, *pending)
            pending = head, block, softmax
    if pending is not None:
        _weighted(planner, place, layer, *pending)
    planner.written(place)


def check_attention(planner: Planner, layer: Attention) -> None:
    """Raise the `ConfigError` of `plan_attention` where no block fits, before anything is planned."""
    _size(planner, layer, _spans(layer))


def _blocks(planner: Planner, layer: Attention) -> list[_Block]:
    """Return the blocks of queries of a head; queries that see all keys are blocks of their own."""
    spans = _spans(layer)
    size = _size(planner, layer, spans)
    return [
        _block(planner, layer, first, min(first + size, high))
        for low, high in spans
        for first in range(low, high, size)
    ]


def _spans(layer: Attention) -> list[tuple[int, int]]:
    """Return the queries of a head, from one that sees all keys to the next."""
    alone = sorted(set(layer.pattern.global_tokens)) if layer.pattern is not None else []
    offset = layer.pattern.q_offset if layer.pattern is not None else 0
    alone = [token - offset for token in alone if 0 <= token - offset < layer.queries]
    bounds = [0, *(edge for token in alone for edge in (token, token + 1)), layer.queries]
    return [(low, high) for low, high in zip(bounds, bounds[1:], strict=False) if low < high]


def _size(planner: Planner, layer: Attention, spans: list[tuple[int, int]]) -> int:
    """Return how many queries a block has. Raises `ConfigError` where none fits."""
    longest = max(spans, key=lambda span: span[1] - span[0])
    room = planner.rooms[planner.place]
    is_there = planner.kept(layer.inputs[0], layer.bits.activation) is not None
    output_bits = sum(planner.written_bits(layer.output))
    return query_block(planner, layer, *longest, room, is_there, output_bits)[0]


def _block(planner: Planner, layer: Attention, first: int, last: int) -> _Block:
    keys = layer.keys(first, last)
    return _Block(first, last, keys, _reached(planner, layer, first, last, keys))


def query_block(
    planner: Planner, layer: Attention, low: int, high: int, room: int, is_there: bool, output_bits: Width
) -> tuple[int, int]:
    """Return the queries of a block, and the cycles of a head: of those that fit, the size with the fewest.

    `room`: bytes for scores, and for queries unless they are there. Raises `ConfigError` where none fits.
    """
    config, bits = planner.config, layer.bits
    best, chosen = None, 0
    for size in sorted({min(size, high - low) for size in (*QUERY_BLOCKS, high - low)}):
        keys, needs = _needs(planner, layer, low, high, size, is_there, output_bits)
        if any(least > _held(planner, pad, room) for pad, least, _ in needs):
            continue
        first = task_cycles(config, size, keys, layer.head_dim, bits.operands, bits.fold).stream
        second = task_cycles(config, size, layer.v_dim, keys, bits.operands, bits.fold).stream
        total = (first + second) * -(-(high - low) // size)
        if best is None or total < best:
            best, chosen = total, size
    if best is None:
        _, needs = _needs(planner, layer, low, high, 1, is_there, output_bits)
        lacking = {
            pad: Least(least + getattr(config, pad).capacity_bytes - _held(planner, pad, room), what)
            for pad, least, what in needs
            if least > _held(planner, pad, room)
        }
        raise TooSmallError(config, lacking)
    return chosen, best


class _Need(NamedTuple):
    """A limit of a block of queries: a scratchpad, the bytes that it must have, and what for."""

    pad: str
    least: int
    what: str


def _needs(
    planner: Planner, layer: Attention, low: int, high: int, size: int, is_there: bool, output_bits: Width
) -> tuple[int, list[_Need]]:
    """Return the keys that blocks of `size` queries meet at most, and each limit of such a block."""
    start = max(low, min((low + high) // 2, high - size))
    keys = max(layer.keys(start, start + size), layer.keys(high - size, high))
    query = 0 if is_there else max(1, layer.head_dim * layer.bits.activation // 8)
    row = max(layer.head_dim, layer.v_dim)
    scores = size * max(4 * keys, 2 * (keys + query))
    what = f"scores of {keys} keys" if query <= keys else f"a query of {layer.head_dim} elements"
    written = 2 * int(size * layer.v_dim * output_bits // 8)
    return keys, [
        _Need("activation_scratchpad", scores, what),
        _Need("weight_scratchpad", max(1, row * layer.bits.weight // 8), f"a row of {row} elements"),
        _Need("accumulator_scratchpad", _sum_bytes(planner, layer, size, keys), "a query's results"),
        _Need("output_scratchpad", written, "a query's results"),
    ]


def _held(planner: Planner, pad: str, room: int) -> int:
    """Return the bytes of a scratchpad; of that of activations those which no earlier result takes."""
    held: int = getattr(planner.config, pad).capacity_bytes
    return room if pad == "activation_scratchpad" else held


def _chunk(planner: Planner, layer: Attention, size: int) -> int:
    """Return how many keys, or values of `size` elements, are loaded together."""
    row = max(1, size * layer.bits.weight // 8)
    chunk = max(1, planner.config.weight_scratchpad.capacity_bytes // (4 * row))
    cols = planner.config.array.tile_cols(layer.bits.operands[1])
    return max(1, chunk // cols * cols) if chunk >= cols else chunk


def _chunk_of_keys(planner: Planner, layer: Attention) -> int:
    """Return how many keys' scores are one task: where the queries stay, no more than have accumulators."""
    chunk, array = _chunk(planner, layer, layer.head_dim), planner.config.array
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        return max(1, min(chunk, planner.config.accumulator_rows))
    return chunk


def _sum_bytes(planner: Planner, layer: Attention, queries: int, keys: int) -> int:
    """Return the bytes of accumulators for a block of queries, whose results add up chunk by chunk."""
    array, operands = planner.config.array, layer.bits.operands
    folds = layer.head_dim > layer.bits.fold, keys > layer.bits.fold
    width = min(keys, _chunk_of_keys(planner, layer))
    scores = accumulators(array, operands, queries, width, False, folds[0])
    is_cut = keys > _chunk(planner, layer, layer.v_dim)
    results = accumulators(array, operands, queries, layer.v_dim, is_cut, folds[1])
    return int(max(scores, results)) * array.sum_bytes


def _keys(
    planner: Planner,
    place: int,
    layer: Attention,
    name: str,
    tensor: int,
    head: int,
    size: int,
    first: int,
    last: int,
    task: int,
) -> None:
    """Load the rows `first` to `last` - 1 of keys or values of a head, as granules of a tile or a chunk."""
    bits, group = layer.bits.weight, head // layer.group
    row = max(1, size * bits // 8)
    granule = min(planner.config.array.tile_cols(layer.bits.operands[1]), _chunk(planner, layer, size))
    base = planner.at(tensor, bits)
    for start in range(first // granule * granule, last, granule):
        rows = min(granule, layer.kv_len - start)
        run = (base + (group * layer.kv_len + start) * row, 1, rows * row, rows * row)
        planner.load(Queue.WEIGHT, (place, name, group, start), tensor, task, run, 1.0)


def _reached(planner: Planner, layer: Attention, first: int, last: int, keys: int) -> int:
    """Return the first of the keys that a block meets; those of sinks and global tokens count with them."""
    if layer.pattern is None:
        return 0
    reached = layer.pattern.reach(np.arange(first, last))
    return int(max(0, reached[-1] + 1 - keys)) if len(reached) else 0


def _scores(planner: Planner, place: int, layer: Attention, head: int, block: _Block) -> int:
    """Plan the scores of a block and its softmax; return the softmax's task."""
    plan, bits = planner.plans[place], layer.bits
    first, last, keys, start = block
    queries, chunk = last - first, _chunk_of_keys(planner, layer)
    tasks = []
    for key in range(0, keys, chunk):
        some = min(chunk, keys - key)
        work = task_cycles(planner.config, queries, some, layer.head_dim, bits.operands, bits.fold)
        extent = Extent(2 * head, first, queries, key, some, 0, layer.head_dim, ends=True)
        task = planner.array_task(place, work, extent)
        tasks.append(task)
        plan.macs += queries * some * layer.head_dim
        tile = queries, some, layer.head_dim
        count_traffic(planner.config.array, plan, bits, tile, queries * layer.head_dim)
        kept = planner.kept(layer.inputs[0], bits.activation)
        if kept is not None:
            planner.await_kept(kept, task, 1.0)
        else:
            row = max(1, layer.head_dim * bits.activation // 8)
            base = planner.at(layer.inputs[0], bits.activation) + (head * layer.queries + first) * row
            planner.load(
                Queue.ACTIVATION,
                (place, "Q", head, first),
                layer.inputs[0],
                task,
                (base, 1, queries * row, row),
                1.0,
            )
        _keys(
            planner,
            place,
            layer,
            "K",
            layer.inputs[1],
            head,
            layer.head_dim,
            start + key,
            start + key + some,
            task,
        )
    planner.rings[Queue.ACTIVATION].need((place, "S", head, first), queries * keys, tasks[0])
    planner.rings[Queue.ACTIVATION].keep((place, "S", head, first), tasks[-1])
    unit = planner.config.vector
    cycles = unit.cycles(queries, keys, 3) - unit.pipeline_latency
    softmax = planner.task(Engine.VECTOR, place, cycles, 0, 0, unit.pipeline_latency)
    plan.count("activation", 0, queries * keys * bits.activation // 8)
    for task in tasks:
        planner.tasks[Engine.ARRAY].rows[task][WAKES] = -2 - softmax
        planner.tasks[Engine.VECTOR].rows[softmax][AWAITED] += 1
    return softmax


def _weighted(planner: Planner, place: int, layer: Attention, head: int, block: _Block, softmax: int) -> None:
    """Plan the weighted sum of a block."""
    plan, bits = planner.plans[place], layer.bits
    first, last, keys, start = block
    queries, chunk = last - first, _chunk(planner, layer, layer.v_dim)
    task = NONE
    for key in range(0, keys, chunk):
        some = min(chunk, keys - key)
        work = task_cycles(planner.config, queries, layer.v_dim, some, bits.operands, bits.fold)
        ends = key + some == keys
        extent = Extent(2 * head + 1, first, queries, 0, layer.v_dim, key, some, ends)
        task = planner.array_task(place, work, extent)
        plan.macs += queries * some * layer.v_dim
        tile = queries, layer.v_dim, some
        count_traffic(planner.config.array, plan, bits, tile, queries * some)
        _keys(
            planner,
            place,
            layer,
            "V",
            layer.inputs[2],
            head,
            layer.v_dim,
            start + key,
            start + key + some,
            task,
        )
        if key == 0:
            planner.tasks[Engine.VECTOR].rows[softmax][WAKES] = task
            planner.tasks[Engine.ARRAY].rows[task][AWAITED] += 1
    planner.rings[Queue.ACTIVATION].keep((place, "S", head, first), task)
    rows = layer.heads * layer.queries
    load_riders(
        planner, place, layer, task, head * layer.queries + first, queries, 0, layer.v_dim, rows, layer.v_dim
    )
    runs = []
    for width in planner.written_bits(layer.output):
        row = max(1, layer.v_dim * width // 8)
        base = planner.at(layer.output, width) + (head * layer.queries + first) * row
        runs.append((base, 1, row * queries, row * queries))
    planner.room(Queue.OUTPUT, Engine.ARRAY, sum(size for _, _, size, _ in runs), task)
    planner.write(Queue.OUTPUT, place, task, runs, layer.output, 0.0)

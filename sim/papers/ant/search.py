"""The search of ANT's simulator for the best tiling of a layer: tiles of powers of two, in all loop orders.

Obeys: optimizer.py and accelerator.py of ANT's artifact, a fork of BitFusion's simulator, to the last rule.
Re-implemented from a description of the rules; no code is taken. A tile whose work alone takes longer than
the best found so far is left out before its loop orders are tried.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import int64, jit

# Loops over tiles, and as bits those that each stream depends on.
B, OW, OH, IC, OC = range(5)
LOOPS = 5
INPUT_LOOPS = 1 << B | 1 << OW | 1 << OH | 1 << IC
WEIGHT_LOOPS = 1 << IC | 1 << OC
OUTPUT_LOOPS = 1 << B | 1 << OW | 1 << OH | 1 << OC

# Outermost loop first. Output columns and rows have the same tiles and streams: one of their two orders.
ORDERS: Integers = np.array(
    [order for order in permutations(range(LOOPS)) if order.index(OW) < order.index(OH)], dtype=np.int64
)


class Problem(NamedTuple):
    """What the search knows of a layer."""

    taps: int  # weights of one filter and input channel
    out: int  # height and width of the output
    ic: int
    oc: int
    batch: int  # images, or tokens
    bits: int  # of weights and activations


class Array(NamedTuple):
    """What the search knows of an accelerator."""

    rows: int
    cols: int
    high: int
    low: int
    output_bits: int
    dram_bits: int  # a cycle
    half_weights: int  # bits that a tile may take
    half_inputs: int
    half_outputs: int
    weight_stationary: bool


class Costs(NamedTuple):
    """Energies that decide between tilings of equal cycles, nJ."""

    cycle: float  # leakage and DRAM background
    work: float  # of the array, a cycle that does not stall
    weight_read: float  # and of a bit
    weight_write: float
    input_read: float
    input_write: float
    output_read: float
    output_write: float
    dram_read: float
    dram_write: float


class Counters(NamedTuple):
    """What a layer takes: cycles, and bits in and out of each memory."""

    cycles: int
    stalls: int
    weight_reads: int
    weight_writes: int
    input_reads: int
    input_writes: int
    output_reads: int
    output_writes: int
    dram_reads: int
    dram_writes: int


@jit
def ceil_div(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


@jit
def compute_cycles(layer: Problem, array: Array, pairs: int, rows: int, ic: int, oc: int) -> int:
    """Return the cycles of a tile of `rows` output pixels; filling, draining, loading weights take none."""
    height, width = array.rows * pairs, array.cols * pairs
    if array.weight_stationary:
        return rows * ceil_div(oc, width) * ceil_div(layer.taps * ic, height)
    return ceil_div(rows, height) * ceil_div(oc, width) * layer.taps * ic


@jit
def traffic(order: Integers, trips: Integers, loops: int, tile: int, half: int) -> tuple[int, int]:
    """Return the bits that a stream of `tile` bits moves, and the largest footprint that stayed resident.

    From the innermost loop outwards: while the stream is resident a loop that it does not depend on costs
    nothing; once its footprint is over `half` a scratchpad, every loop outside repeats it.
    """
    moved, resident, footprint = tile, True, tile
    for place in range(LOOPS - 1, -1, -1):
        loop = order[place]
        if not resident:
            moved *= trips[loop]
        elif loops >> loop & 1:
            moved *= trips[loop]
            if moved > half:
                resident = False
            else:
                footprint = moved
    return moved, footprint


@jit
def last_outputs(order: Integers, trips: Integers, tile: int, half: int) -> int:
    """Return the bits of outputs that are written last: none after any loop that leaves them resident.

    The artifact's slip: it notes the size of what it reads back there, and that is always zero.
    """
    for place in range(LOOPS - 1, -1, -1):
        loop = order[place]
        if OUTPUT_LOOPS >> loop & 1:
            return 0 if tile * trips[loop] <= half else tile
    return tile


@jit
def counters(layer: Problem, array: Array, order: Integers, trips: Integers, tile: Integers) -> Counters:
    """Return what a layer takes in tiles of so many images, output columns, rows, input, output channels."""
    pairs = array.high // max(layer.bits, array.low)
    height, width = array.rows * pairs, array.cols * pairs
    rows, ic, oc = tile[B] * tile[OW] * tile[OH], tile[IC], tile[OC]
    depth = layer.taps * ic
    tiles = 1
    for loop in range(LOOPS):
        tiles *= trips[loop]

    weight_tile = ceil_div(depth, height) * height * oc * layer.bits
    input_tile = rows * ceil_div(depth, width) * width * layer.bits  # the artifact pads to columns, not rows
    output_tile = rows * oc * array.output_bits
    weights, first_weights = traffic(order, trips, int64(WEIGHT_LOOPS), weight_tile, array.half_weights)
    inputs, first_inputs = traffic(order, trips, int64(INPUT_LOOPS), input_tile, array.half_inputs)
    outputs, _ = traffic(order, trips, int64(OUTPUT_LOOPS), output_tile, array.half_outputs)
    last = last_outputs(order, trips, output_tile, array.half_outputs)

    compute = tiles * compute_cycles(layer, array, pairs, rows, ic, oc)
    first = first_weights + first_inputs
    latency = ceil_div(first, array.dram_bits) + ceil_div(last, array.dram_bits)
    between = ceil_div(weights + inputs + outputs - first - last, array.dram_bits)
    stalls = max(0, between - compute) + latency

    macs = tiles * depth * oc * rows
    if array.weight_stationary:
        weight_reads = tiles * depth * oc * layer.bits
        sums = macs * array.output_bits
    else:
        weight_reads = macs * layer.bits
        sums = tiles * oc * rows * array.output_bits
    return Counters(
        compute + stalls,
        stalls,
        weight_reads,
        weights,
        macs * layer.bits,
        inputs,
        sums + outputs,
        sums,
        weights + inputs,
        outputs,
    )


@jit
def energy(found: Counters, costs: Costs) -> float:
    """Return what decides between tilings of equal cycles, nJ."""
    return (
        found.cycles * costs.cycle
        + (found.cycles - found.stalls) * costs.work
        + found.weight_reads * costs.weight_read
        + found.weight_writes * costs.weight_write
        + found.input_reads * costs.input_read
        + found.input_writes * costs.input_write
        + found.output_reads * costs.output_read
        + found.output_writes * costs.output_write
        + found.dram_reads * costs.dram_read
        + found.dram_writes * costs.dram_write
    )


@jit
def size_count(extent: int) -> int:
    """Return how many tile sizes a dimension has: 1, 2, 4 ... and, last, all of it."""
    count = 1
    while 1 << (count - 1) < extent:
        count += 1
    return count


@jit
def place_tile(tile: Integers, trips: Integers, loop: int, extent: int, choice: int) -> int:
    """Give a loop its tile size number `choice`, and return the size."""
    size = min(1 << choice, extent)
    tile[loop] = size
    trips[loop] = ceil_div(extent, size)
    return size


@jit
def search(problems: Integers, array: Array, costs: Costs, orders: Integers, found: Integers) -> int:
    """Write the counters of each problem's best tiling to `found` (problems, 10); -1 where no tile fits.

    `problems` (problems, 6) has a row for each layer. The best tiling has the fewest cycles, and of these the
    least energy. Returns how many pairs of a tile and a loop order were tried.
    """
    tried = 0
    tile, trips = np.empty(LOOPS, np.int64), np.empty(LOOPS, np.int64)
    for number in range(len(problems)):
        row = problems[number]
        layer = Problem(row[0], row[1], row[2], row[3], row[4], row[5])
        pairs = array.high // max(layer.bits, array.low)
        height, width = array.rows * pairs, array.cols * pairs
        found[number] = -1
        best_cycles, best_energy = -1, 0.0
        # From large to small tiles: the first that fit are good already.
        for ic_choice in range(size_count(layer.ic) - 1, -1, -1):
            ic = place_tile(tile, trips, int64(IC), layer.ic, ic_choice)
            depth = layer.taps * ic
            for oc_choice in range(size_count(layer.oc) - 1, -1, -1):
                oc = place_tile(tile, trips, int64(OC), layer.oc, oc_choice)
                weight_bits = ceil_div(depth, height) * height * oc * layer.bits
                if weight_bits > array.half_weights:
                    continue
                for out_choice in range(size_count(layer.out) - 1, -1, -1):
                    out = place_tile(tile, trips, int64(OW), layer.out, out_choice)
                    place_tile(tile, trips, int64(OH), layer.out, out_choice)
                    for batch_choice in range(size_count(layer.batch) - 1, -1, -1):
                        rows = out * out * place_tile(tile, trips, int64(B), layer.batch, batch_choice)
                        input_bits = rows * ceil_div(depth, width) * width * layer.bits
                        if input_bits > array.half_inputs:
                            continue
                        tiles = trips[B] * trips[OW] * trips[OH] * trips[IC] * trips[OC]
                        least = tiles * compute_cycles(layer, array, pairs, rows, ic, oc)
                        least += ceil_div(weight_bits + input_bits, array.dram_bits)
                        if 0 <= best_cycles < least:
                            continue
                        for order in orders:
                            tried += 1
                            answer = counters(layer, array, order, trips, tile)
                            if 0 <= best_cycles < answer.cycles:
                                continue
                            spent = energy(answer, costs)
                            if 0 <= best_cycles == answer.cycles and best_energy <= spent:
                                continue
                            best_cycles, best_energy = answer.cycles, spent
                            for column in range(len(answer)):
                                found[number, column] = answer[column]
    return tried

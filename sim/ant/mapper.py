"""The mapper: how a product is cut into tiles that fit the scratchpads, and which of its loops is outermost.

A tile of the product is (tm, tn, tk). It runs as one task of the array: for each column of array tiles, down
all of k. Where k is cut, its tiles follow one another and their sums stay at the foot. What an operand has
met stays in its scratchpad while it fits; beyond, every loop outside reads it again.

The search is exhaustive over the smallest tile of each trip count: traffic and cycles depend on trip counts,
and footprints grow with the tile. Of the mappings within 1/64 of the fewest cycles of the array it takes the
fewest bytes, then the fewest tasks, then the fewest cycles, then the first. No bandwidth enters: more of it
never changes the tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Doubles, Integers

SLACK = 64  # one part in so many of the cycles is given for fewer bytes
SUM_BYTES = 4
RUN_AHEAD = 4  # tiles of an operand that its scratchpad holds at least, so that loads run ahead; assumed


class Shape(NamedTuple):
    """A product as the mapper sees it; sizes in elements, a side's granule in elements of it."""

    m: int
    n: int
    k: int
    items: int  # products of this shape
    operands: tuple[int, int]  # of a PE, that an activation and a weight are
    weight_bits: int
    output_bits: int
    m_granule: int  # a convolution's output row
    k_granule: int  # a convolution's kernel places
    activation_bytes: float  # of one (m, k) product, all of it; of an image fewer than m k elements
    halo_bytes: float  # that a tile of m reads beyond its share, if the one before is not there
    beside_bits: int  # of tensors that the riding ops read, for each element of the output
    parameter_bytes: int  # of what they read once


class Mapping(NamedTuple):
    """Tiles, whether the loop over n is outside of that over m, and what was estimated."""

    tm: int
    tn: int
    tk: int
    n_outer: bool
    cycles: int
    bytes: int


class Cycles(NamedTuple):
    """One task of the array."""

    stream: int  # from its first word to its last
    first_rows: int  # PE rows of its first tile
    last_rows: int
    first_words: int  # words of its first tile
    last_words: int


def task_cycles(config: AntConfig, m: int, n: int, k: int, operands: tuple[int, int]) -> Cycles:
    """Return the cycles of a task: every array tile of an (m, k) x (k, n) product, down k first."""
    array = config.array
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        m, n, operands = n, m, operands[::-1]
    full, wide = array.tile_rows(operands[0]), array.tile_cols(operands[1])
    each = operands[0]  # PE rows of an element
    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        down, across = -(-m // full), -(-n // wide)
        last = each * (m - (down - 1) * full)
        words = k
        if array.schedule is Schedule.DRAIN:
            return Cycles(down * across * (k + array.rows + array.cols - 2), 0, 0, words, words)
        before = across * ((down - 1) * max(k, array.rows) + max(k, last)) - max(k, last)
        return Cycles(k + before, min(each * m, array.rows), last, words, words)
    down, across = -(-k // full), -(-n // wide)
    last = each * (k - (down - 1) * full)
    if array.schedule is Schedule.DRAIN:
        return Cycles(down * across * (m + 2 * array.rows + array.cols - 2), 0, 0, m, m)
    first = last if down == 1 else array.rows
    whole = across * ((down - 1) * max(m, array.rows) + max(m, last))
    return Cycles(m + whole - max(m, first), first, last, m, m)


def candidates(size: int, granule: int) -> Integers:
    """Return the smallest tile of each trip count, in elements, descending; whole granules but the last."""
    count = -(-size // granule)
    low = np.arange(1, int(np.sqrt(count)) + 2)
    small = low[-(-count // -(-count // low)) == low]  # of themselves the smallest of their trip count
    tiles = np.unique(np.concatenate([-(-count // low), small])) * granule
    return np.unique(np.minimum(tiles, size))[::-1].astype(np.int64)


def best_mapping(config: AntConfig, shape: Shape) -> Mapping:
    """Return the mapping of a product. `ConfigError` names the scratchpad that holds no tile."""
    array = config.array
    rows, cols = array.tile_rows(shape.operands[0]), array.tile_cols(shape.operands[1])
    stationary = array.dataflow is not Dataflow.OUTPUT_STATIONARY
    m_step = shape.m_granule if stationary else max(shape.m_granule, 1)
    tm = candidates(shape.m, max(1, m_step))
    tn = candidates(shape.n, cols)
    tk = candidates(shape.k, max(rows, shape.k_granule) if shape.k_granule > 1 else rows)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(tm, tn, tk, [0, 1], indexing="ij")], axis=1)
    costs = _costs(config, shape, grid, cols)
    fits = costs.fits
    if not fits.any():
        _refuse(config, shape, costs, grid)
    grid, cycles, moved = grid[fits], costs.array[fits], costs.bytes[fits]
    near = cycles <= cycles.min() * (1 + 1 / SLACK)
    tasks = np.prod(np.ceil(np.array([shape.m, shape.n, shape.k]) / grid[near, :3]), axis=1)
    order = np.lexsort((cycles[near], tasks, moved[near]))
    place = np.flatnonzero(near)[order[0]]
    m, n, k, outer = (int(value) for value in grid[place])
    return Mapping(m, n, k, bool(outer), int(cycles[place]), int(moved[place]))


class _Costs(NamedTuple):
    fits: np.ndarray
    array: Doubles
    bytes: Doubles
    activation: Doubles
    weight: Doubles
    sums: Doubles
    output: Doubles
    beside: Doubles


def _costs(config: AntConfig, shape: Shape, grid: Integers, cols: int) -> _Costs:
    array = config.array
    tm, tn, tk, n_outer = (grid[:, column].astype(np.float64) for column in range(4))
    m_trips, n_trips, k_trips = np.ceil(shape.m / tm), np.ceil(shape.n / tn), np.ceil(shape.k / tk)
    share = tm / shape.m * tk / shape.k
    activation = np.minimum(
        shape.activation_bytes * share + shape.halo_bytes * tk / shape.k, shape.activation_bytes
    )
    weight = np.ceil(tk * tn * shape.weight_bits / 8)
    output = np.ceil(tm * tn * shape.output_bits / 8)
    split = k_trips > 1
    stationary = array.dataflow is not Dataflow.OUTPUT_STATIONARY
    streamed = tm * (cols if stationary else 0)
    sums = SUM_BYTES * np.where(split, tm * tn, streamed)
    beside = np.ceil(tm * tn * shape.beside_bits / 8)
    riding = config.residual_scratchpad.capacity_bytes - shape.parameter_bytes
    caps = config.activation_scratchpad.capacity_bytes, config.weight_scratchpad.capacity_bytes
    fits = (
        (RUN_AHEAD * activation <= caps[0])
        & (2 * beside <= riding)
        & (RUN_AHEAD * weight <= caps[1])
        & (2 * output <= config.output_scratchpad.capacity_bytes)
    )
    fits &= sums <= config.accumulator_scratchpad.capacity_bytes
    outer = n_outer > 0
    # activations meet k, then n if inner, then m, then n if outer
    resident = activation * k_trips <= caps[0] - activation
    again = np.where(outer, n_trips, np.where(resident, 1, n_trips))
    whole_resident = shape.activation_bytes <= caps[0] - activation
    again = np.where(outer & whole_resident, 1, again)
    reads = shape.activation_bytes * again
    resident = weight * k_trips <= caps[1] - weight
    again = np.where(outer, np.where(resident, 1, m_trips), m_trips)
    whole = weight * k_trips * n_trips <= caps[1] - weight
    again = np.where(~outer & whole, 1, again)
    reads = reads + np.ceil(shape.k * shape.n * shape.weight_bits / 8) * again
    reads = reads + shape.m * shape.n * shape.output_bits / 8
    cycles = _array_cycles(config, shape, tm, tn, tk, m_trips, n_trips, k_trips)
    return _Costs(
        fits,
        cycles * shape.items,
        reads * shape.items,
        activation,
        weight,
        sums,
        output,
        beside,
    )


def _array_cycles(
    config: AntConfig,
    shape: Shape,
    tm: Doubles,
    tn: Doubles,
    tk: Doubles,
    m_trips: Doubles,
    n_trips: Doubles,
    k_trips: Doubles,
) -> Doubles:
    """Return how long the array takes, but for the change from one task to the next."""
    array = config.array
    left, above = shape.operands
    last_m, last_n = shape.m - (m_trips - 1) * tm, shape.n - (n_trips - 1) * tn
    last_k = shape.k - (k_trips - 1) * tk

    def tiles(trips: Doubles, tile: Doubles, last: Doubles, granule: int) -> Doubles:
        return (trips - 1) * np.ceil(tile / granule) + np.ceil(last / granule)

    def stream(trips: Doubles, tile: Doubles, last: Doubles, rows: Doubles | int) -> Doubles:
        return (trips - 1) * np.maximum(tile, rows) + np.maximum(last, rows)

    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        down = tiles(m_trips, tm, last_m, array.tile_rows(left))
        across = tiles(n_trips, tn, last_n, array.tile_cols(above))
        if array.schedule is Schedule.DRAIN:
            return down * across * (shape.k + k_trips * (array.rows + array.cols - 2))
        return down * across * stream(k_trips, tk, last_k, np.minimum(array.rows, shape.m * left))
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        left, above = above, left
        across = tiles(m_trips, tm, last_m, array.tile_cols(above))
        trips, tile, last = n_trips, tn, last_n
    else:
        across = tiles(n_trips, tn, last_n, array.tile_cols(above))
        trips, tile, last = m_trips, tm, last_m
    rows = array.tile_rows(left)
    down = tiles(k_trips, tk, last_k, rows)
    if array.schedule is Schedule.DRAIN:
        words = (trips - 1) * tile + last
        return down * across * (words + trips * (2 * array.rows + array.cols - 2))
    ragged = left * (last_k - (np.ceil(last_k / rows) - 1) * rows)
    full = stream(trips, tile, last, array.rows)
    return across * ((down - 1) * full + stream(trips, tile, last, ragged))


def _refuse(config: AntConfig, shape: Shape, costs: _Costs, grid: Integers) -> None:
    needs = {
        "activation_scratchpad": RUN_AHEAD * costs.activation.min(),
        "residual_scratchpad": 2 * costs.beside.min() + shape.parameter_bytes,
        "weight_scratchpad": RUN_AHEAD * costs.weight.min(),
        "output_scratchpad": 2 * costs.output.min(),
        "accumulator_scratchpad": costs.sums.min(),
    }
    for name, least in needs.items():
        held = getattr(config, name).capacity_bytes
        if least > held:
            rule = f"{name}.capacity_bytes must be at least {int(np.ceil(least))} for its smallest tile"
            raise ConfigError(f"{rule}, not {held}")
    raise ConfigError("no tile of it fits all scratchpads at once; larger ones hold one")

"""What mappings cost: footprints, bytes that move, cycles of the array; of many mappings at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import WHOLE
from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.types import Bools, Doubles, Integers

RUN_AHEAD = 4  # tiles of an operand that its scratchpad holds at least, so that loads run ahead; assumed
# Larger tiles are taken only where no smaller one fits: they gain nothing but fewer tasks, and a layer begins
# once the first has been loaded. Of 16 to 128 KiB each, about the best for what docs/ant-machine.md measures.
ACTIVATION_TILE, WEIGHT_TILE, OUTPUT_TILE = 32 << 10, 16 << 10, 32 << 10  # bytes
SUMS_TILE, BESIDE_TILE = 128 << 10, 32 << 10
# Scratchpads that must hold a tile, in the order in which a refusal names them.
LIMITS = (
    "activation_scratchpad",
    "residual_scratchpad",
    "weight_scratchpad",
    "output_scratchpad",
    "accumulator_scratchpad",
)


class Shape(NamedTuple):
    """A product as the mapper sees it; sizes in elements, a side's granule in elements of it."""

    m: int
    n: int
    k: int
    items: int  # products of this shape
    operands: tuple[int, int]  # of a PE, that an activation and a weight are
    weight_bits: float  # of an element, scales included
    output_bits: float  # that are written to DRAM
    m_granule: int  # a convolution's output row
    k_granule: int  # a convolution's kernel places
    activation_bytes: float  # of one (m, k) product, all of it; of an image fewer than m k elements
    halo_bytes: float  # that a tile of m shares with the one before it of its image
    beside_bits: int  # of tensors that the riding ops read, for each element of the output
    parameter_bytes: int  # of what they read once
    sum_bytes: int  # of a result in the accumulators
    fold: int = WHOLE  # elements of K that the PEs sum up at most, before the foot does


class Costs(NamedTuple):
    """Of G mappings: what does not depend on the room for activations."""

    fits: Bools  # [G] in all scratchpads but that of activations
    cycles: Doubles  # [G] of the array, of all items
    tasks: Doubles  # [G] of one
    bytes: Doubles  # [G] weights and results, of all items
    trips: Doubles  # [G, 3] of m, n and k
    n_outer: Bools  # [G]
    activation: Doubles  # [G] bytes of a tile, as all of the following
    weight: Doubles
    sums: Doubles
    output: Doubles
    beside: Doubles

    def allowed(self, room: int, is_there: bool, *, of_any_size: bool) -> Bools:
        """Return which mappings fit, [G]; if some have no large tiles, only those, unless told otherwise."""
        fits = self.fits if is_there else self.fits & (RUN_AHEAD * self.activation <= room)
        if of_any_size:
            return fits
        small = fits & (self.weight <= WEIGHT_TILE) & (self.output <= OUTPUT_TILE)
        small = small & (self.sums <= SUMS_TILE) & (self.beside <= BESIDE_TILE)
        if not is_there:
            small = small & (self.activation <= ACTIVATION_TILE)
        return small if small.any() else fits

    def needs(self, shape: Shape, is_there: bool) -> dict[str, Doubles]:
        """Return the bytes that each of `LIMITS` must have for each mapping, [G]."""
        return {
            "activation_scratchpad": self.activation * (0 if is_there else RUN_AHEAD),
            "residual_scratchpad": 2 * self.beside + shape.parameter_bytes,
            "weight_scratchpad": RUN_AHEAD * self.weight,
            "output_scratchpad": 2 * self.output,
            "accumulator_scratchpad": self.sums,
        }

    def activation_bytes(self, shape: Shape, room: int) -> Doubles:
        """Return the bytes of activations that are read, [G], where their scratchpad has `room` bytes.

        They meet k, then n if that is inner, then m, then n if that is outer. What a tile shares with the
        one before it is read again where that one gave way to the other parts of k.
        """
        m_trips, n_trips, k_trips = self.trips.T
        resident = np.where(self.n_outer, shape.activation_bytes, self.activation * k_trips) <= room
        again = np.where(resident, 1, n_trips)
        is_gone = (k_trips > 1) & (self.activation * (k_trips + 1) > room)
        once: Doubles = shape.activation_bytes + shape.halo_bytes * (m_trips - 1) * is_gone
        return once * again * shape.items


def costs_of(config: AntConfig, shape: Shape, grid: Integers) -> Costs:
    """Return what the mappings (tm, tn, tk, whether n is outer) of a product cost, [G, 4]."""
    array = config.array
    tiles = grid[:, :3].astype(np.float64)
    tm, tn, tk = tiles.T
    n_outer = grid[:, 3] > 0
    trips = np.ceil(np.array([shape.m, shape.n, shape.k]) / tiles)
    share = tm / shape.m * tk / shape.k
    activation = np.minimum(
        shape.activation_bytes * share + shape.halo_bytes * tk / shape.k, shape.activation_bytes
    )
    weight = np.ceil(tk * tn * shape.weight_bits / 8)
    output = np.ceil(tm * tn * shape.output_bits / 8)
    sums = shape.sum_bytes * accumulators(array, shape.operands, tm, tn, trips[:, 2] > 1, tk > shape.fold)
    beside = np.ceil(tm * tn * shape.beside_bits / 8)
    held = config.weight_scratchpad.capacity_bytes
    fits = (
        (2 * beside <= config.residual_scratchpad.capacity_bytes - shape.parameter_bytes)
        & (RUN_AHEAD * weight <= held)
        & (2 * output <= config.output_scratchpad.capacity_bytes)
        & (sums <= config.accumulator_scratchpad.capacity_bytes)
    )
    resident = weight * trips[:, 2] * np.where(n_outer, 1, trips[:, 1]) <= held
    again = np.where(resident, 1, trips[:, 0])
    moved = np.ceil(shape.k * shape.n * shape.weight_bits / 8) * again
    moved = moved + shape.m * shape.n * shape.output_bits / 8
    return Costs(
        fits,
        _array_cycles(config, shape, tiles, trips) * shape.items,
        np.prod(trips, axis=1),
        moved * shape.items,
        trips,
        n_outer,
        activation,
        weight,
        sums,
        output,
        beside,
    )


def accumulators(
    array: AntArray,
    operands: tuple[int, int],
    tm: Doubles | int,
    tn: Doubles | int,
    is_cut: Bools | bool,
    folds: Bools | bool,
) -> Doubles:
    """Return how many accumulators tiles (tm, tn) take: whole words, one for each column of PEs, used or not.

    A column of array tiles has a word for each of its rows; of products whose inputs stay, for each column.
    Where k is cut, all columns of array tiles keep theirs, else one at a time. Output stationary, else one
    array tile does if the PEs do not hold its sums (`folds`), or none.
    """
    one, other = operands
    if not array.stationary:
        alone: Doubles = np.minimum(tm, array.tile_rows(one)) * np.asarray(folds)
        all_of_them = tm * np.ceil(tn / array.tile_cols(other))
        held: Doubles = array.cols * np.where(is_cut, all_of_them, alone)
        return held
    words, across = tm, np.ceil(tn / array.tile_cols(other))
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        words, across = tn, np.ceil(tm / array.tile_cols(one))
    kept: Doubles = array.cols * words * np.where(is_cut, across, 1)
    return kept


def _array_cycles(config: AntConfig, shape: Shape, tiles: Doubles, trips: Doubles) -> Doubles:
    """Return how long the array takes, but for the change from one task to the next."""
    array, (left, above) = config.array, shape.operands
    sizes = np.array([shape.m, shape.n, shape.k])
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        sizes, tiles, trips = sizes[[1, 0, 2]], tiles[:, [1, 0, 2]], trips[:, [1, 0, 2]]
        left, above = above, left
    m, n, k = (_Cut(size, tiles[:, i], trips[:, i], shape.fold) for i, size in enumerate(sizes))
    across = sum(full + ragged for full, ragged, _ in n.blocks(array.tile_cols(above)))
    down, words = (k, m) if array.stationary else (m, k)
    # of each kind of tile: how many there are, and the cycles of the words that stream through one
    cycles: Doubles = np.zeros(len(tiles))
    for full, ragged, rest in down.blocks(array.tile_rows(left)):
        for count, rows in ((full, array.rows), (ragged, left * rest)):
            cycles = cycles + count * words.cycles(config, rows)
    return across * cycles


class _Cut(NamedTuple):
    """A dimension of so many elements, cut into `trips` tiles."""

    size: int
    tile: Doubles  # [G]
    trips: Doubles  # [G]
    fold: int  # words of a stream at most, output stationary

    def blocks(self, side: int) -> list[tuple[Doubles, Doubles, Doubles]]:
        """Return of all tiles but the last, and of the last: full array tiles, ragged ones, their size."""
        before = self.trips - 1
        last = self.size - before * self.tile
        return [
            (before * (self.tile // side), before * (self.tile % side > 0), self.tile % side),
            (last // side, np.minimum(1.0, last % side), last % side),
        ]

    def cycles(self, config: AntConfig, rows: Doubles | int) -> Doubles:
        """Return the cycles of the dimension's words, a stream for each tile, through `rows` PE rows each."""
        array = config.array
        if array.stationary:
            many = self.trips - 1
            shorter = self.size - many * self.tile
            return many * _stream(array, self.tile, rows) + _stream(array, shorter, rows)
        shorter = self.size // self.trips  # parts of k are equal within one
        many = self.size - self.trips * shorter
        few, more = (self._folded(array, words, rows) for words in (shorter, shorter + 1))
        return many * more + (self.trips - many) * few

    def _folded(self, array: AntArray, words: Doubles, rows: Doubles | int) -> Doubles:
        """Return the same of one tile whose words stream in parts that the PEs hold, equal within one."""
        parts = np.ceil(words / self.fold)
        shorter = words // parts
        many = words - parts * shorter
        return many * _stream(array, shorter + 1, rows) + (parts - many) * _stream(array, shorter, rows)


def _stream(array: AntArray, words: Doubles, rows: Doubles | int) -> Doubles:
    """Return the cycles of a stream of words through so many PE rows."""
    if array.schedule is Schedule.DRAIN:
        total: Doubles = words + ((2 if array.stationary else 1) * array.rows + array.cols - 2)
        return total
    return np.maximum(words, rows)

"""What mappings cost: footprints, bytes that move, cycles of the array; of many mappings at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.types import Doubles, Integers

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
    output_bits: int  # that are written to DRAM
    m_granule: int  # a convolution's output row
    k_granule: int  # a convolution's kernel places
    activation_bytes: float  # of one (m, k) product, all of it; of an image fewer than m k elements
    halo_bytes: float  # that a tile of m reads beyond its share, if the one before is not there
    beside_bits: int  # of tensors that the riding ops read, for each element of the output
    parameter_bytes: int  # of what they read once


class Costs(NamedTuple):
    """Of G mappings: what does not depend on the room for activations."""

    fits: np.ndarray  # [G] in all scratchpads but that of activations
    cycles: Doubles  # [G] of the array, of all items
    tasks: Doubles  # [G] of one
    bytes: Doubles  # [G] weights and results, of all items
    trips: Doubles  # [G, 3] of m, n and k
    n_outer: np.ndarray  # [G]
    activation: Doubles  # [G] bytes of a tile, as all of the following
    weight: Doubles
    sums: Doubles
    output: Doubles
    beside: Doubles

    def activation_bytes(self, shape: Shape, room: int) -> Doubles:
        """Return the bytes of activations that are read, [G], where their scratchpad has `room` bytes.

        They meet k, then n if that is inner, then m, then n if that is outer.
        """
        n_trips, k_trips = self.trips[:, 1], self.trips[:, 2]
        resident = np.where(self.n_outer, shape.activation_bytes, self.activation * k_trips) <= room
        again = np.where(resident, 1, n_trips)
        return shape.activation_bytes * again * shape.items


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
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        streamed = tn * array.tile_cols(shape.operands[0])
    else:
        streamed = tm * (array.tile_cols(shape.operands[1]) if array.stationary else 0)
    sums = SUM_BYTES * np.where(trips[:, 2] > 1, tm * tn, streamed)
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


def _array_cycles(config: AntConfig, shape: Shape, tiles: Doubles, trips: Doubles) -> Doubles:
    """Return how long the array takes, but for the change from one task to the next."""
    array = config.array
    left, above = shape.operands
    tm, tn, tk = tiles.T
    m_trips, n_trips, k_trips = trips.T
    last_m, last_n, last_k = (np.array([shape.m, shape.n, shape.k]) - (trips - 1) * tiles).T

    def pieces(trips: Doubles, tile: Doubles, last: Doubles, granule: int) -> Doubles:
        count: Doubles = (trips - 1) * np.ceil(tile / granule) + np.ceil(last / granule)
        return count

    def stream(trips: Doubles, tile: Doubles, last: Doubles, rows: Doubles | int) -> Doubles:
        words: Doubles = (trips - 1) * np.maximum(tile, rows) + np.maximum(last, rows)
        return words

    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        down = pieces(m_trips, tm, last_m, array.tile_rows(left))
        across = pieces(n_trips, tn, last_n, array.tile_cols(above))
        words: Doubles
        if array.schedule is Schedule.DRAIN:
            words = shape.k + k_trips * (array.rows + array.cols - 2)
            return down * across * words
        rows = np.minimum(array.rows, shape.m * left)
        short = np.floor(shape.k / k_trips)  # parts are equal within one
        longer = shape.k - k_trips * short
        words = longer * np.maximum(short + 1, rows) + (k_trips - longer) * np.maximum(short, rows)
        return down * across * words
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        left, above = above, left
        across = pieces(m_trips, tm, last_m, array.tile_cols(above))
        outer, tile, last = n_trips, tn, last_n
    else:
        across = pieces(n_trips, tn, last_n, array.tile_cols(above))
        outer, tile, last = m_trips, tm, last_m
    side = array.tile_rows(left)
    down = pieces(k_trips, tk, last_k, side)
    if array.schedule is Schedule.DRAIN:
        words = (outer - 1) * tile + last + outer * (2 * array.rows + array.cols - 2)
        return down * across * words
    ragged = left * (last_k - (np.ceil(last_k / side) - 1) * side)
    full = stream(outer, tile, last, array.rows)
    cycles: Doubles = across * ((down - 1) * full + stream(outer, tile, last, ragged))
    return cycles

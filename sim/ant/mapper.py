"""The mapper: how a product is cut into tiles that fit the scratchpads, and which of its loops is outermost.

A tile of the product is (tm, tn, tk). It runs as one task of the array: for each column of array tiles, down
all of k. Where k is cut, its tiles follow one another and their sums stay at the foot. What an operand has
met stays in its scratchpad while it fits; beyond, every loop outside reads it again.

The search is exhaustive over the tiles that count. Traffic and cycles depend on trip counts, and footprints
grow with the tile, so of each trip count the smallest tile is enough; but where whole output rows of a
convolution are cut by the array's sides, also every larger one that has fewer array tiles. Of the mappings
within 1/64 of the fewest cycles of the array (with `drain`, of those with the fewest) it takes the fewest
bytes, then the fewest tasks, then the fewest cycles, then the first. No bandwidth enters: more of it never
changes the tiles. Nor do they grow with the scratchpads beyond a size: see `mapper_costs`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import WHOLE
from tandemsim.sim.ant.mapper_costs import LIMITS, Shape, costs_of
from tandemsim.sim.ant.too_small import Least, TooSmallError
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.types import Integers

SLACK = 64  # one part in so many of the cycles is given for fewer bytes


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


def task_cycles(
    config: AntConfig, m: int, n: int, k: int, operands: tuple[int, int], fold: int = WHOLE
) -> Cycles:
    """Return the cycles of a task: every array tile of an (m, k) x (k, n) product, down k first.

    Output stationary, each tile runs in parts of at most `fold` elements of k, equal within one.
    """
    array = config.array
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        m, n, operands = n, m, operands[::-1]
    full, wide = array.tile_rows(operands[0]), array.tile_cols(operands[1])
    each = operands[0]  # PE rows of an element
    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        down, across = -(-m // full), -(-n // wide)
        last = each * (m - (down - 1) * full)
        parts = -(-k // fold)
        words, longer = divmod(k, parts)  # of the first part; so many have one more
        if array.schedule is Schedule.DRAIN:
            return Cycles(
                down * across * (k + parts * (array.rows + array.cols - 2)), 0, 0, words, words + (longer > 0)
            )

        def tile(rows: int) -> int:
            return (parts - longer) * max(words, rows) + longer * max(words + 1, rows)

        total = across * ((down - 1) * tile(array.rows) + tile(last)) + words - max(words, last)
        return Cycles(total, min(each * m, array.rows), last, words, words + (longer > 0))
    down, across = -(-k // full), -(-n // wide)
    last = each * (k - (down - 1) * full)
    if array.schedule is Schedule.DRAIN:
        return Cycles(down * across * (m + 2 * array.rows + array.cols - 2), 0, 0, m, m)
    first = last if down == 1 else array.rows
    whole = across * ((down - 1) * max(m, array.rows) + max(m, last))
    return Cycles(m + whole - max(m, first), first, last, m, m)


class Granules(NamedTuple):
    """What tiles are whole multiples of, but for the last; and sides of the array that cut them up."""

    m: int
    n: int
    k: int
    m_side: int  # 1: a tile of m streams past the array and may have any size
    n_side: int
    k_side: int


def granules(config: AntConfig, shape: Shape) -> Granules:
    """Return the granules of a product: sides of the array, output rows of a convolution."""
    array, (left, above) = config.array, shape.operands
    if array.dataflow is Dataflow.WEIGHT_STATIONARY:
        sides = 1, array.tile_cols(above), array.tile_rows(left)
    elif array.dataflow is Dataflow.INPUT_STATIONARY:
        sides = array.tile_cols(left), 1, array.tile_rows(above)
    else:
        sides = array.tile_rows(left), array.tile_cols(above), array.tile_rows(left)
    m = sides[0] if shape.m_granule == 1 else shape.m_granule
    k_side = sides[2] if array.stationary else 1
    return Granules(m, sides[1], max(sides[2], shape.k_granule), *sides[:2], k_side)


def candidates(size: int, granule: int, side: int = 1) -> Integers:
    """Return the tiles of a dimension that count, in elements, descending; whole granules but the last.

    Of each trip count the smallest, and, unless granules are multiples of the array's `side`, every larger
    one that has fewer array tiles.
    """
    count = -(-size // granule)
    if granule % side:
        return _all_that_count(size, granule, side)
    low = np.arange(1, int(np.sqrt(count)) + 2)
    small = low[-(-count // -(-count // low)) == low]  # of themselves the smallest of their trip count
    tiles = np.unique(np.concatenate([-(-count // low), small])) * granule
    return np.unique(np.minimum(tiles, size))[::-1].astype(np.int64)


def _all_that_count(size: int, granule: int, side: int) -> Integers:
    """Return the tiles that no smaller one of their trip count beats for all lengths of a stream.

    A stream of p words takes max(p, rows) cycles in each array tile.
    """
    tiles = np.unique(np.minimum(np.arange(1, -(-size // granule) + 1) * granule, size))
    trips = -(-size // tiles)
    last = size - (trips - 1) * tiles
    words = np.arange(1, side + 1)
    cost = ((trips - 1) * (tiles // side) + last // side)[:, None] * side
    for count, rest in ((trips - 1, tiles % side), (1, last % side)):
        cost = cost + (count * (rest > 0))[:, None] * np.maximum(rest[:, None], words)
    kept = []
    starts = np.flatnonzero(np.diff(trips, prepend=trips[0] + 1))
    for first, end in zip(starts, [*starts[1:], len(tiles)], strict=True):
        least = np.minimum.accumulate(cost[first:end], axis=0)
        beaten = np.concatenate([[False], (cost[first + 1 : end] >= least[:-1]).all(axis=1)])
        kept.append(tiles[first:end][~beaten])
    return np.concatenate(kept)[::-1].astype(np.int64)


class Search:
    """All mappings of a product that count, and what each costs."""

    def __init__(self, config: AntConfig, shape: Shape) -> None:
        self._config, self._shape = config, shape
        steps = granules(config, shape)
        tm = candidates(shape.m, steps.m, steps.m_side)
        tn = candidates(shape.n, steps.n, steps.n_side)
        tk = candidates(shape.k, steps.k, steps.k_side)
        if config.array.dataflow is Dataflow.OUTPUT_STATIONARY:
            tk = np.unique(-(-shape.k // -(-shape.k // tk)))[::-1]  # equal parts
        grid = np.stack([axis.ravel() for axis in np.meshgrid(tm, tn, tk, [0, 1], indexing="ij")], axis=1)
        self._grid, self._costs = grid, costs_of(config, shape, grid)
        self._found: dict[tuple[int, bool], Mapping] = {}

    def best(self, room: int, is_there: bool = False) -> Mapping:
        """Return the best mapping with `room` bytes for activations; `is_there`: they are on the chip.

        Raises `ConfigError`, which names the scratchpads that are too small for any tile.
        """
        key = room, is_there
        if key not in self._found:
            self._found[key] = self._best(room, is_there)
        return self._found[key]

    def _best(self, room: int, is_there: bool) -> Mapping:
        costs, shape = self._costs, self._shape
        # drain is SCALE-Sim's machine, whose law is that of products which are not cut without need
        drains = self._config.array.schedule is Schedule.DRAIN
        fits = costs.allowed(room, is_there, of_any_size=drains)
        if not fits.any():
            raise no_tile(self._config, self.missing(room, is_there))
        moved = costs.bytes if is_there else costs.bytes + costs.activation_bytes(shape, room)
        near = np.flatnonzero(fits)
        slack = 0 if drains else 1 / SLACK
        near = near[costs.cycles[near] <= costs.cycles[near].min() * (1 + slack)]
        order = np.lexsort((costs.cycles[near], costs.tasks[near], moved[near]))
        place = near[order[0]]
        m, n, k, outer = (int(value) for value in self._grid[place])
        return Mapping(m, n, k, bool(outer), int(costs.cycles[place]), int(moved[place]))

    def has_mapping(self, room: int, is_there: bool) -> bool:
        """Return whether a mapping fits; arguments are those of `best`."""
        return bool(self._costs.allowed(room, is_there, of_any_size=True).any())

    def missing(self, room: int, is_there: bool = False) -> dict[str, int]:
        """Return the bytes that scratchpads must have, by the name of each, where no mapping fits in them.

        They are those of the mapping that asks for the fewest scratchpads, and then for the least: of a
        single one no byte less will do, but of the residual scratchpad, by whose size it is told what is read
        once.
        """
        held = {name: getattr(self._config, name).capacity_bytes for name in LIMITS}
        needs = self._costs.needs(self._shape, is_there)
        whole = np.ceil(needs["activation_scratchpad"])  # sums of whole bytes are exact
        needs["activation_scratchpad"] = whole + held["activation_scratchpad"] - room
        lacks = np.stack([np.maximum(needs[name] / held[name], 1) for name in LIMITS])
        place = np.lexsort((lacks.prod(axis=0), (lacks > 1).sum(axis=0)))[0]
        return {name: int(np.ceil(needs[name][place])) for name in LIMITS if needs[name][place] > held[name]}


def no_tile(config: AntConfig, missing: dict[str, int]) -> TooSmallError:
    """Return the error of scratchpads that hold no tile, with the bytes that each must have."""
    return TooSmallError(config, {name: Least(size, "its smallest tile") for name, size in missing.items()})


def best_mapping(config: AntConfig, shape: Shape) -> Mapping:
    """Return the best mapping with all of the activation scratchpad. `ConfigError` as `Search.best`."""
    return Search(config, shape).best(config.activation_scratchpad.capacity_bytes)

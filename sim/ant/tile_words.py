"""What the circuit receives for a task of the machine: a command for each tile, and codes on the wires.

Obeys: `sim.arch.ant.ports`, and the order that `sim.ant.mapper` counts: for each column of tiles down all
terms of the sums; output stationary, down all rows, each with all its terms. Sums that do not end in a task
stay in the accumulators, a column of tiles beside the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.ant.functional import Coded
from tandemsim.sim.ant.layers import WHOLE
from tandemsim.sim.ant.planned import Extent
from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import MAX_WORDS, AntConfig, Dataflow
from tandemsim.sim.arch.ant.operands import format_number, split
from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers


class Span(NamedTuple):
    """Where something begins, and how long it is."""

    first: int
    size: int

    @property
    def within(self) -> slice:
        """What an array is indexed with."""
        return slice(self.first, self.first + self.size)


class PlacedTile(NamedTuple):
    """A tile, and which of a product's sums its output words are, if they leave."""

    tile: GemmTile
    rows: Span
    columns: Span


class Task(NamedTuple):
    """A task of the array on the operand that comes from the left, and on the one from above."""

    extent: Extent
    left: Coded  # [m, k] all of the product
    above: Coded  # [k, n]


def task_tiles(
    config: AntConfig, extent: Extent, left: Coded, right: Coded, fold: int = WHOLE
) -> list[PlacedTile]:
    """Return the tiles of a task in their order; `left` [m, k] and `right` [k, n] are the whole product.

    Output stationary, they have at most `fold` terms, as the machine counts, whatever format is chosen.

    Raises `ConfigError` where the circuit cannot run as the machine counts: outliers, psums that are too
    narrow for a column.
    """
    array = config.array
    require(not config.outliers.share, "outliers.share must be 0 for a circuit", config.outliers.share)
    task = Task(extent, left, right)
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        task = _transposed(task)
    made = list(
        _weight_stationary(config, task) if array.stationary else _output_stationary(config, task, fold)
    )
    if array.dataflow is Dataflow.INPUT_STATIONARY:
        made = [PlacedTile(each.tile, each.columns, each.rows) for each in made]
    return made


def sums_of(config: AntConfig, placed: PlacedTile, words: Integers) -> Integers:
    """Return the sums [rows, columns] of a product that the output words [words, C] of a tile are."""
    array, command = config.array, placed.tile.command
    each = array.operands_of(array.code_formats[command.weight_format])
    sums = (words if array.stationary else words[::-1])[:, : command.cols : each]
    return sums.T if array.dataflow is Dataflow.INPUT_STATIONARY else sums


def _transposed(task: Task) -> Task:
    """Return the task of the transposed product."""
    (product, m, tm, n, tn, k, tk, ends), left, above = task
    one, other = (each._replace(codes=each.codes.T) for each in (above, left))
    return Task(Extent(product, n, tn, m, tm, k, tk, ends), one, other)


def _weight_stationary(config: AntConfig, task: Task) -> Iterator[PlacedTile]:
    array, (extent, left, above) = config.array, task
    deep, wide = array.operands_of(left.form), array.operands_of(above.form)
    held = array.max_fold(left.form, above.form)
    rule = f"AntArray.accumulator_width must hold {array.rows // deep} products of {left.form.name} and"
    require(held >= array.rows // deep, f"{rule} {above.form.name}", array.accumulator_width)
    base = 0
    for columns in _steps(extent.n, extent.tn, array.tile_cols(wide)):
        for terms in _steps(extent.k, extent.tk, array.tile_rows(deep)):
            weights = _wired(config, above, above.codes[terms.within, columns.within], array.cols)
            weights = np.repeat(weights, deep, axis=0)  # a row for each nibble of an activation
            for rows in _parts(extent.m, extent.tm, MAX_WORDS):
                words = _wired(config, left, left.codes[rows.within, terms.within], array.rows)
                at = base + rows.first - extent.m
                command = _command(
                    config, task, terms, at, words=rows.size, rows=terms.size, cols=columns.size
                )
                yield PlacedTile(GemmTile(command, words, weights), rows, columns)
        base += 0 if extent.is_whole else extent.tm


def _output_stationary(config: AntConfig, task: Task, fold: int) -> Iterator[PlacedTile]:
    array, (extent, left, above) = config.array, task
    deep, wide = array.operands_of(left.form), array.operands_of(above.form)
    longest = min(array.max_fold(left.form, above.form), MAX_WORDS, fold)
    base = 0
    for columns in _steps(extent.n, extent.tn, array.tile_cols(wide)):
        for rows in _steps(extent.m, extent.tm, array.tile_rows(deep)):
            for terms in _parts(extent.k, extent.tk, longest):
                words = _wired(config, left, left.codes[rows.within, terms.within].T, array.rows)
                weights = _wired(config, above, above.codes[terms.within, columns.within], array.cols)
                command = _command(
                    config, task, terms, base, words=terms.size, rows=rows.size, cols=columns.size
                )
                yield PlacedTile(GemmTile(command, words, weights), rows, columns)
            base += 0 if extent.is_whole else rows.size


def _command(
    config: AntConfig, task: Task, terms: Span, base: int, *, words: int, rows: int, cols: int
) -> GemmCommand:
    """Return a command; `rows` and `cols` are counted in elements."""
    array, (extent, left, above) = config.array, task
    return GemmCommand(
        words=words,
        rows=rows * array.operands_of(left.form),
        cols=cols * array.operands_of(above.form),
        activation_format=format_number(array, left.form.name),
        weight_format=format_number(array, above.form.name),
        first=terms.first == 0,
        leaves=extent.ends and terms.first + terms.size == extent.k + extent.tk,
        base=base,
    )


def _wired(config: AntConfig, operand: Coded, codes: npt.NDArray[np.integer], side: int) -> Integers:
    """Return words of `codes` [words, elements] as they stand on the wires, [words, side]; the rest is 0."""
    wires = split(config.array, operand.form, np.asarray(codes, np.int64)).reshape(len(codes), -1)
    return np.pad(wires, [(0, 0), (0, side - wires.shape[1])])


def _steps(first: int, size: int, step: int) -> list[Span]:
    """Return spans of `step`, of which the last may be shorter."""
    return [Span(start, min(step, first + size - start)) for start in range(first, first + size, step)]


def _parts(first: int, size: int, most: int) -> list[Span]:
    """Return as few spans of at most `most` as can be, equal within one."""
    count = -(-size // most)
    bounds = [first + part * size // count for part in range(count + 1)]
    return [Span(low, high - low) for low, high in zip(bounds, bounds[1:], strict=False)]

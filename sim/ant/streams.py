"""In which cycle each word of the array's four streams moves, whatever the other ends of the streams do.

Obeys: the rules of `GemmController`, solved for the words in their order: a word moves in the first cycle in
which all that it needs is there, and all of that is earlier words. So the cost is a few steps a word, however
long the pauses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.sums import output_words
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import STAGING_LATENCY, AntConfig, GemmTiming
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import int64, jit

NO_CYCLES = np.zeros(0, np.int64)


class StreamEnd(NamedTuple):
    """The other end of a stream: when it offers, or takes, each word. Beyond an array, as if it had 0."""

    earliest: Integers = NO_CYCLES  # [words] not before this cycle
    gaps: Integers = NO_CYCLES  # [words] idle cycles after the word before; of the first, after reset


class StreamEnds(NamedTuple):
    """Those of all four."""

    command: StreamEnd = StreamEnd()
    activations: StreamEnd = StreamEnd()
    weights: StreamEnd = StreamEnd()
    output: StreamEnd = StreamEnd()


NO_PAUSES = StreamEnds()


class TileTable(NamedTuple):
    """Tiles as the kernel takes them, int64 [tiles]."""

    activations: Integers  # words
    rows: Integers  # words of weights; output stationary, rows that drain
    outputs: Integers  # words that leave
    spacing: Integers  # cycles between two of them


class StreamCycles(NamedTuple):
    """The cycle in which each word moves, counted from the end of reset."""

    command: Integers  # [tiles]
    activations: Integers  # [sum of those]
    weights: Integers  # [sum of rows; output stationary, as activations]
    output: Integers  # [sum of those that leave]


def tile_table(commands: Sequence[GemmCommand], config: AntConfig) -> TileTable:
    """Return tiles as the kernel takes them."""
    words = [output_words(command, config) for command in commands]
    rows = [command.rows for command in commands]
    spacing = (
        [1] * len(rows) if config.array.stationary else [a // b for a, b in zip(rows, words, strict=True)]
    )
    leaving = [n * command.leaves for n, command in zip(words, commands, strict=True)]
    columns = [command.words for command in commands], rows, leaving, spacing
    return TileTable(*(np.array(column, np.int64) for column in columns))


def stream_cycles(tiles: TileTable, timing: GemmTiming, ends: StreamEnds = NO_PAUSES) -> StreamCycles:
    """Return when the words of tiles move. A tile's outputs must fit the staging buffer."""
    activations = int(tiles.activations.sum())
    weights = int(tiles.rows.sum()) if timing.stationary else activations
    lengths = len(tiles.activations), activations, weights, int(tiles.outputs.sum())
    cycles = StreamCycles(*(np.zeros(length, np.int64) for length in lengths))
    _run(tiles, timing, ends, cycles)
    return cycles


@jit
def _run(tiles: TileTable, timing: GemmTiming, ends: StreamEnds, cycles: StreamCycles) -> None:
    if timing.stationary:
        _weight_stationary(tiles, timing, ends, cycles)
    else:
        _output_stationary(tiles, timing, ends, cycles)


@jit(inline="always")
def _offered(earliest: Integers, gaps: Integers, word: int, last: int) -> int:
    """Return the first cycle in which a stream could move a word; the word before moved in cycle `last`."""
    cycle = last + 1
    if word < len(gaps):
        cycle += gaps[word]
    if word < len(earliest):
        cycle = max(cycle, earliest[word])
    return int(cycle)


@jit(inline="always")
def _with_room(cycle: int, words: int, before: int, room: int, taken: Integers) -> int:
    """Return `cycle`, or the first one after it with room for `words` output words; `before` were before."""
    needed = before + words - room  # so many must have been taken
    return max(cycle, int(taken[needed - 1]) + 1) if words > 0 and needed > 0 else cycle


@jit
def _weight_stationary(tiles: TileTable, timing: GemmTiming, ends: StreamEnds, cycles: StreamCycles) -> None:
    # Arrays by names of their own: to take one out of a tuple counts references to all that are in it.
    counts, rows, outputs = tiles.activations, tiles.rows, tiles.outputs
    loads, entries, taken = cycles.weights, cycles.activations, cycles.output
    load_earliest, load_gaps = ends.weights.earliest, ends.weights.gaps
    earliest, gaps = ends.activations.earliest, ends.activations.gaps
    command_earliest, command_gaps = ends.command.earliest, ends.command.gaps
    output_earliest, output_gaps = ends.output.earliest, ends.output.gaps
    idle = timing.rows + timing.cols - 1  # from a last word to the next load's first, drain
    activation = weight = word = may_load = int64(0)
    entered = loaded = left = commanded = int64(-1)  # cycles of the last words
    for tile in range(len(counts)):
        command = _offered(command_earliest, command_gaps, tile, commanded)
        may_load = max(may_load, command)
        began = int64(0)
        for step in range(rows[tile]):
            loaded = max(_offered(load_earliest, load_gaps, weight, loaded), may_load)
            if step == 0:
                began = loaded
            loads[weight] = loaded
            weight += 1
        cycles.command[tile] = commanded = loaded
        may_begin = max(loaded + 1, began + timing.rows) if timing.drains else loaded + 1
        leaves = int64(outputs[tile] > 0)
        for step in range(counts[tile]):
            entered = max(_offered(earliest, gaps, activation, entered), may_begin)
            entered = _with_room(entered, leaves, word, timing.room, taken)
            entries[activation] = entered
            activation += 1
            if leaves:
                written = entered + timing.lag
                left = max(written + STAGING_LATENCY, _offered(output_earliest, output_gaps, word, left))
                taken[word] = left
                word += 1
            if step == 0:
                may_load = entered
        if timing.drains:
            may_load = entered + idle


@jit
def _output_stationary(tiles: TileTable, timing: GemmTiming, ends: StreamEnds, cycles: StreamCycles) -> None:
    counts, rows, outputs, spacing = tiles.activations, tiles.rows, tiles.outputs, tiles.spacing
    pairs, taken = cycles.activations, cycles.output
    left_earliest, left_gaps = ends.activations.earliest, ends.activations.gaps
    above_earliest, above_gaps = ends.weights.earliest, ends.weights.gaps
    command_earliest, command_gaps = ends.command.earliest, ends.command.gaps
    output_earliest, output_gaps = ends.output.earliest, ends.output.gaps
    idle = timing.rows + timing.cols - 1
    pair = word = may_begin = may_end = int64(0)
    entered = left = int64(-1)
    for tile in range(len(counts)):
        may_begin = max(may_begin, _offered(command_earliest, command_gaps, tile, entered))
        for step in range(counts[tile]):
            activations = _offered(left_earliest, left_gaps, pair, entered)
            weights = _offered(above_earliest, above_gaps, pair, entered)
            entered = max(max(activations, weights), may_begin)
            if step == counts[tile] - 1:
                entered = _with_room(max(entered, may_end), outputs[tile], word, timing.room, taken)
            pairs[pair] = entered
            pair += 1
        cycles.command[tile] = entered
        may_end = entered + rows[tile]
        if timing.drains:
            may_begin = entered + idle
        for index in range(outputs[tile]):
            # Of two rows the upper one, which comes second, completes the word.
            written = entered + timing.lag + (index + 1) * spacing[tile] - 1
            left = max(written + STAGING_LATENCY, _offered(output_earliest, output_gaps, word, left))
            taken[word] = left
            word += 1
    cycles.weights[:] = pairs

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
def _offered(end: StreamEnd, cycles: Integers, word: int) -> int:
    """Return the first cycle in which a stream could move its next word."""
    cycle = cycles[word - 1] + 1 if word > 0 else int64(0)
    if word < len(end.gaps):
        cycle += end.gaps[word]
    if word < len(end.earliest):
        cycle = max(cycle, end.earliest[word])
    return int(cycle)


@jit(inline="always")
def _with_room(cycle: int, words: int, total: int, room: int, taken: Integers) -> int:
    """Return `cycle`, or the first one after it with room for `words` output words; `total` came before."""
    needed = total + words - room  # this many must have been taken
    return max(cycle, int(taken[needed - 1]) + 1) if words > 0 and needed > 0 else cycle


@jit(inline="always")
def _leave(written: int, word: int, end: StreamEnd, taken: Integers) -> None:
    taken[word] = max(written + STAGING_LATENCY, _offered(end, taken, word))


@jit(inline="always")
def _weight_stationary(tiles: TileTable, timing: GemmTiming, ends: StreamEnds, cycles: StreamCycles) -> None:
    idle = timing.rows + timing.cols - 1  # from a last word to the next load's first, drain
    activation = weight = word = int64(0)
    may_load = int64(0)
    for tile in range(len(tiles.activations)):
        command = _offered(ends.command, cycles.command, tile)
        loading = ended = int64(0)
        for step in range(tiles.rows[tile]):
            ended = max(_offered(ends.weights, cycles.weights, weight), command, may_load)
            if step == 0:
                loading = ended
            cycles.weights[weight] = ended
            weight += 1
        cycles.command[tile] = ended
        may_begin = max(ended + 1, loading + timing.rows) if timing.drains else ended + 1
        leaves = int64(tiles.outputs[tile] > 0)
        for step in range(tiles.activations[tile]):
            cycle = max(_offered(ends.activations, cycles.activations, activation), may_begin)
            cycle = _with_room(cycle, leaves, word, timing.room, cycles.output)
            cycles.activations[activation] = cycle
            activation += 1
            if leaves:
                _leave(cycle + timing.lag, word, ends.output, cycles.output)
                word += 1
            if step == 0 or timing.drains:
                may_load = cycle + idle if timing.drains else cycle


@jit(inline="always")
def _output_stationary(tiles: TileTable, timing: GemmTiming, ends: StreamEnds, cycles: StreamCycles) -> None:
    idle = timing.rows + timing.cols - 1
    pair = word = int64(0)
    may_begin = may_end = int64(0)
    for tile in range(len(tiles.activations)):
        command = _offered(ends.command, cycles.command, tile)
        cycle = int64(0)
        for step in range(tiles.activations[tile]):
            operands = (
                _offered(ends.activations, cycles.activations, pair),
                _offered(ends.weights, cycles.weights, pair),
            )
            cycle = max(max(operands[0], operands[1]), max(command, may_begin))
            if step == tiles.activations[tile] - 1:
                cycle = _with_room(max(cycle, may_end), tiles.outputs[tile], word, timing.room, cycles.output)
            cycles.activations[pair] = cycles.weights[pair] = cycle
            pair += 1
        cycles.command[tile] = cycle
        may_end = cycle + tiles.rows[tile]
        if timing.drains:
            may_begin = cycle + idle
        for index in range(tiles.outputs[tile]):
            # Of two rows the upper one, which comes second, completes the word.
            written = cycle + timing.lag + (index + 1) * tiles.spacing[tile] - 1
            _leave(written, word, ends.output, cycles.output)
            word += 1

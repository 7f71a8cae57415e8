"""The attention array as others use it: which word leaves its streams, and in which cycle.

Obeys: `sim.arch.salo.ports`. Values are those of `sim.salo.array`, whole tiles at a time; cycles those of the
controller, and of staging buffers that offer a word `STAGING_LATENCY` cycles after it was written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import STAGING_LATENCY, SaloConfig
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.types import Integers, Tokens
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.controller import Controller, ControllerInputs
from tandemsim.sim.salo.layer.order import tile_order
from tandemsim.sim.salo.row import HeadOperands
from tandemsim.sim.salo.scheduling.schedule import Schedule
from tandemsim.sim.salo.tile_words import (
    GlobalOutputWord,
    OperandWord,
    OutputWord,
    TileCommand,
    commands,
    words,
)

Words = Sequence[OutputWord | GlobalOutputWord]  # the outputs of a tile, one word per head element


class TileEngineInputs(NamedTuple):
    """Streams that enter."""

    command: TileCommand  # held until the tile's last cycle
    operands: OperandWord  # two for each element of a head


class TileEngineOutputs(NamedTuple):
    """Streams that leave."""

    output: OutputWord
    global_output: GlobalOutputWord


class Gaps(NamedTuple):
    """Idle cycles after each transfer, per stream; an exhausted iterator means no more pauses."""

    command: Iterable[int] = ()
    operands: Iterable[int] = ()
    output: Iterable[int] = ()
    global_output: Iterable[int] = ()


NO_GAPS = Gaps()


class Transfer(NamedTuple):
    """A word that went over a stream, and the cycle in which it did, counted from the end of reset."""

    cycle: int
    word: Any


@dataclass
class StreamEnd:
    """The other end of a stream: when it offers, or takes, its next word."""

    gaps: Iterator[int]
    next: int = 0

    def transferred(self, cycle: int) -> None:
        """Plan the next word, after a transfer in `cycle` and the next gap."""
        self.next = cycle + 1 + next(self.gaps)


@dataclass
class Staging:
    """A staging buffer: words on their way or waiting, and the tiles that it still has room for."""

    room: int
    end: StreamEnd
    waiting: deque[Transfer] = field(default_factory=deque)
    taken: list[Transfer] = field(default_factory=list)

    def run(self, cycle: int) -> int:
        """Offer a word; return 1 if that frees a tile's room."""
        if not self.waiting or cycle < max(self.waiting[0].cycle + STAGING_LATENCY, self.end.next):
            return 0
        word = self.waiting.popleft().word
        self.taken.append(Transfer(cycle, word))
        self.end.transferred(cycle)
        return int(word.end)


class TileEngine:
    """Runs tiles on the array: one command per tile, two operand words per head element, outputs when due.

    The controller is told the elements of a head, and of its values while it is at those.

    What: the outputs of `PEArray` for the rows whose block, or whose global row, ends with the tile.

    When: element n of the outputs of a tile is written to its staging buffer `SaloArray.output_lag` cycles
    after its WEIGHTED_SUM in column 0 (global rows: `global_output_lag`).
    """

    def __init__(self, config: SaloConfig) -> None:
        config.check_circuit()
        self._config = config

    def run(
        self, schedule: Schedule, heads: Sequence[HeadOperands], gaps: Gaps = NO_GAPS, group: int = 1
    ) -> dict[str, list[Transfer]]:
        """Return what goes over each stream, and when, for the tiles of all heads in their order.

        `group`: neighbors of so many heads share their keys and values (`sim.salo.layer.order`).
        """
        tiles: list[TileCommand] = []
        fed: list[list[OperandWord]] = []
        leaving: list[tuple[Words, Words]] = []
        for head in heads:
            own, for_globals = head.own, head.for_globals or head.own
            commanded = commands(schedule, self._config, head)
            for tile, (command, tokens) in enumerate(commanded):
                tiles.append(command)
                fed.append(words(command, tokens, own, for_globals, int(schedule.source[tile])))
            outputs = PEArray(self._config).run(schedule, *head).output
            leaving += [self._leaving(schedule, tile, outputs) for tile in range(schedule.tiles)]
        if group > 1:
            order = tile_order(schedule, len(heads), group)
            at = (order.head * schedule.tiles + order.tile).tolist()
            tiles, fed, leaving = [tiles[i] for i in at], [fed[i] for i in at], [leaving[i] for i in at]
        return self._cycles(tiles, fed, leaving, gaps)

    def _leaving(self, schedule: Schedule, tile: int, outputs: Integers) -> tuple[Words, Words]:
        """Return the words that leave after a tile."""
        v_dim = outputs.shape[1]
        local: list[OutputWord] = []
        global_: list[GlobalOutputWord] = []
        if schedule.last[tile]:
            rows = _rows(outputs, schedule.block_rows[schedule.block[tile]])
            local = [OutputWord(tuple(rows[:, n].tolist()), n == v_dim - 1) for n in range(v_dim)]
        ends = schedule.row_last[tile]
        if ends.any():
            queries = np.where(ends, schedule.row_query[tile], -1)
            rows, valid = _rows(outputs, queries), tuple(ends.tolist())
            for n in range(v_dim):
                global_.append(GlobalOutputWord(tuple(rows[:, n].tolist()), valid, n == v_dim - 1))
        return local, global_

    def _cycles(
        self,
        tiles: list[TileCommand],
        fed: list[list[OperandWord]],
        leaving: list[tuple[Words, Words]],
        gaps: Gaps,
    ) -> dict[str, list[Transfer]]:
        """Step the controller, its sources and sinks until everything has left."""
        array, controller = self._config.array, Controller(self._config)
        ends = {name: _end(pauses) for name, pauses in gaps._asdict().items()}
        lags = array.output_lag, array.global_output_lag
        staging = [Staging(self._config.staging_tiles, ends[name]) for name in ("output", "global_output")]
        sent: dict[str, list[Transfer]] = {"command": [], "operands": []}
        operands = deque(chain.from_iterable(fed))
        cycle = tile = element = 0
        while tile < len(tiles) or any(buffer.waiting for buffer in staging):
            there = tile < len(tiles) and cycle >= ends["command"].next
            command = tiles[min(tile, len(tiles) - 1)]
            signals = controller(
                ControllerInputs(
                    there,
                    _elements(controller, command),
                    command.last,
                    bool(command.global_last.any()),
                    bool(operands) and cycle >= ends["operands"].next,
                    staging[0].room > 0,
                    staging[1].room > 0,
                )
            )
            if signals.operands_ready:
                sent["operands"].append(Transfer(cycle, operands.popleft()))
                ends["operands"].transferred(cycle)
            if signals.stage == Stage.WEIGHTED_SUM:
                for buffer, lag, stream in zip(staging, lags, leaving[tile], strict=True):
                    if stream:
                        buffer.waiting.append(Transfer(cycle + lag, stream[element]))
                element = 0 if signals.end else element + 1
            freed = [buffer.run(cycle) for buffer in staging]
            reserved = signals.reserve, signals.global_reserve
            for buffer, taken, returned in zip(staging, reserved, freed, strict=True):
                buffer.room += returned - taken
            if signals.command_ready:
                sent["command"].append(Transfer(cycle, command))
                ends["command"].transferred(cycle)
                tile += 1
            cycle += 1
        return sent | {"output": staging[0].taken, "global_output": staging[1].taken}


def _elements(controller: Controller, command: TileCommand) -> int:
    """Return the elements that the controller counts: of a value where it is at those, else of a head."""
    if len(command.value_dim) and controller.stage is Stage.WEIGHTED_SUM:
        return int(command.value_dim[0])
    return command.head_dim


def _rows(outputs: Integers, queries: Tokens) -> Integers:
    """Return the outputs of rows, [rows, v_dim]; 0 for those without a query."""
    return np.where((queries >= 0)[:, None], outputs[queries], 0)


def _end(gaps: Iterable[int]) -> StreamEnd:
    """Return the other end of a stream; its first gap comes before the first word."""
    endless = chain(gaps, repeat(0))
    return StreamEnd(endless, next(endless))

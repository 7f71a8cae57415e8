"""The engine put together from the models of its units, one call of each unit per cycle.

Slow, and for tests: `sim.ant.gemm` says the same of whole tiles at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tandemsim.sim.ant.array import SystolicArrayInputs, SystolicArrayOutputs
from tandemsim.sim.ant.controller import NOTHING, GemmController, GemmControllerInputs
from tandemsim.sim.ant.decoder import OperandDecoder, OperandDecoderInputs
from tandemsim.sim.ant.foot import Foot, FootInputs, FootOutputs
from tandemsim.sim.ant.pe import OutputPE, OutputPEInputs, WeightPE, WeightPEInputs
from tandemsim.sim.ant.streams import StreamEnd, StreamEnds
from tandemsim.sim.ant.words import GemmTile, OperandWord, OutputWord
from tandemsim.sim.arch.ant.config import STAGING_LATENCY, AntConfig


class Grid:
    """Decoders, PEs and the foot, with the registers between them."""

    def __init__(self, config: AntConfig) -> None:
        self.array = array = config.array
        none = tuple([0] * array.rows), tuple([0] * array.cols)
        idle = SystolicArrayInputs(
            OperandWord(none[0]), OperandWord(none[1]), False, False, False, False, NOTHING, NOTHING, False
        )
        self.before = deque([idle] * (array.rows + array.cols), maxlen=array.rows + array.cols)
        self.decoder, self.foot = OperandDecoder(config), Foot(config)
        unit = WeightPE if array.stationary else OutputPE
        self.pes: list[list[Any]] = [[unit(config) for _ in range(array.cols)] for _ in range(array.rows)]
        self.shown: list[list[Any]] = [[None] * array.cols for _ in range(array.rows)]
        self.bottom = [deque([0] * array.cols, maxlen=array.cols) for _ in range(array.cols)]
        self.output = FootOutputs(none[1], False, False)

    def __call__(self, inputs: SystolicArrayInputs) -> SystolicArrayOutputs:
        """Run one cycle; return what leaves in it."""
        self.before.appendleft(inputs)
        array, out = self.array, self.output
        word = OutputWord(out.word, (0,) * array.cols, out.end)
        shown = SystolicArrayOutputs(word, out.word_valid)
        if array.stationary:
            for col in range(array.cols):
                self.bottom[col].appendleft(self._shown(array.rows - 1, col, "psum_out"))
            self._weight_stationary()
            moves = self.before[array.rows + array.cols - 1].activations_valid
        else:
            for col in range(array.cols):
                self.bottom[col].appendleft(self._shown(array.rows - 1, col, "result"))
            moves = self._output_stationary()
        then = self.before[array.rows + array.cols - 1]
        starts = then.begins if array.stationary else then.ends
        psums = tuple(self.bottom[col][array.cols - 1 - col] for col in range(array.cols))
        self.output = self.foot(FootInputs(psums, moves, starts, then.tile))
        return shown

    def _shown(self, row: int, col: int, port: str) -> int:
        outputs = self.shown[row][col] if row >= 0 and col >= 0 else None
        return getattr(outputs, port) if outputs else 0

    def _activation(self, row: int) -> tuple[int, int]:
        then = self.before[row]
        enabled = then.activations_valid and row < then.tile.rows
        number, in_place = then.tile.activation_format, self.array.stationary
        return self.decoder(
            OperandDecoderInputs(then.activations.codes[row], number, enabled, row % 2 == 0, in_place)
        )

    def _weight(self, col: int) -> tuple[int, int]:
        then = self.before[col]
        enabled = then.weights_valid and col < then.command.cols
        return self.decoder(
            OperandDecoderInputs(
                then.weights.codes[col], then.command.weight_format, enabled, col % 2 == 0, False
            )
        )

    def _weight_stationary(self) -> None:
        new = [list(row) for row in self.shown]
        for row in range(self.array.rows):
            for col in range(self.array.cols):
                left = (*self._activation(row), self.before[row].begins)
                if col:
                    left = tuple(
                        self._shown(row, col - 1, port)
                        for port in ("activation_base_out", "activation_shift_out", "swap_out")
                    )
                above = (*self._weight(col), self.before[col].weights_valid)
                if row:
                    above = tuple(
                        self._shown(row - 1, col, port)
                        for port in ("weight_base_out", "weight_shift_out", "weight_valid_out")
                    )
                psum = self._shown(row - 1, col, "psum_out")
                new[row][col] = self.pes[row][col](WeightPEInputs(*left, psum, *above))
        self.shown = new

    def _output_stationary(self) -> bool:
        """Run the PEs; return whether the last column's result leaves."""
        new = [list(row) for row in self.shown]
        moves = False
        for col in range(self.array.cols):
            moves = False
            for row in range(self.array.rows):
                then = self.before[row]
                left = (
                    *self._activation(row),
                    then.activations_valid and row < then.tile.rows,
                    then.begins,
                    then.ends,
                )
                if col:
                    ports = (
                        "activation_base_out",
                        "activation_shift_out",
                        "valid_out",
                        "first_out",
                        "last_out",
                    )
                    left = tuple(self._shown(row, col - 1, port) for port in ports)
                above = self._weight(col)
                if row:
                    above = (
                        self._shown(row - 1, col, "weight_base_out"),
                        self._shown(row - 1, col, "weight_shift_out"),
                    )
                result = self._shown(row - 1, col, "result")
                go = self.before[col].go
                new[row][col] = self.pes[row][col](OutputPEInputs(*left, *above, go, result, moves))
                moves = new[row][col].moves
        self.shown = new
        return moves


@dataclass
class Source:
    """The other end of a stream, word by word."""

    end: StreamEnd
    word: int = 0
    last: int = -1
    cycles: list[int] = field(default_factory=list)

    def offers(self, cycle: int) -> bool:
        gap = int(self.end.gaps[self.word]) if self.word < len(self.end.gaps) else 0
        earliest = int(self.end.earliest[self.word]) if self.word < len(self.end.earliest) else 0
        return cycle > self.last + gap and cycle >= earliest

    def moved(self, cycle: int) -> None:
        self.cycles.append(cycle)
        self.word, self.last = self.word + 1, cycle


def step(
    config: AntConfig, tiles: Sequence[GemmTile], ends: StreamEnds, limit: int = 20_000
) -> tuple[list[OutputWord], dict[str, list[int]], int]:
    """Return the output words, the cycles of each stream's words, and the saturations."""
    grid, controller = Grid(config), GemmController(config)
    streams = {name: Source(end) for name, end in ends._asdict().items()}
    activations = np.concatenate([tile.activations for tile in tiles]).tolist()
    weights = np.concatenate([tile.weights for tile in tiles]).tolist()
    waiting: deque[tuple[int, OutputWord]] = deque()
    taken: list[OutputWord] = []
    room, quiet, cycle = config.staging_words, 0, 0
    while quiet < 3 * (config.array.rows + config.array.cols) + 40 and cycle < limit:
        at = {name: streams[name].word for name in streams}
        there = at["command"] < len(tiles)
        command = tiles[min(at["command"], len(tiles) - 1)].command
        signals = controller(
            GemmControllerInputs(
                there and streams["command"].offers(cycle),
                command,
                at["activations"] < len(activations) and streams["activations"].offers(cycle),
                at["weights"] < len(weights) and streams["weights"].offers(cycle),
                room,
            )
        )
        words = [
            OperandWord(tuple(source[min(at[name], len(source) - 1)]))
            for name, source in (("activations", activations), ("weights", weights))
        ]
        out = grid(
            SystolicArrayInputs(
                *words,
                signals.activations_ready,
                signals.weights_ready,
                signals.begins,
                signals.ends,
                signals.tile,
                command if there else NOTHING,
                signals.go,
            )
        )
        if out.word_valid:
            waiting.append((cycle, out.word))
        room -= signals.reserve
        offered = waiting and cycle >= waiting[0][0] + STAGING_LATENCY
        if offered and streams["output"].offers(cycle):
            taken.append(waiting.popleft()[1])
            streams["output"].moved(cycle)
            room += 1
        moved = {"command": signals.command_ready, "activations": signals.activations_ready}
        for name, ready in (moved | {"weights": signals.weights_ready}).items():
            if ready:
                streams[name].moved(cycle)
        unpaused = all(streams[name].offers(cycle) for name in streams)
        quiet = 0 if any(moved.values()) or signals.weights_ready or waiting or not unpaused else quiet + 1
        cycle += 1
    return taken, {name: source.cycles for name, source in streams.items()}, grid.foot.saturations

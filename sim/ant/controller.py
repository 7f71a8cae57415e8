"""The controller of the array: which word of which stream moves in a cycle.

Obeys: the schedules of `sim.arch.ant.config`. Nothing is frozen: a cycle in which a word is missing travels
through the array with its enables at 0.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig


class GemmControllerInputs(NamedTuple):
    """What the controller sees in a cycle."""

    command_valid: bool  # a tile's command is there, and stays until command_ready
    command: GemmCommand
    activations_valid: bool  # a word is there
    weights_valid: bool
    room: int  # output words for which the staging buffer has room


class GemmControllerOutputs(NamedTuple):
    """What it shows in the same cycle."""

    command_ready: bool
    activations_ready: bool  # the word enters the array
    weights_ready: bool
    begins: bool  # the word of activations is the first of its tile
    ends: bool  # it is the last
    tile: GemmCommand  # its tile
    go: bool  # output stationary: the results of column 0 begin to leave
    reserve: int  # output words for which room is taken


NOTHING = GemmCommand(0, 0, 0, 0, 0, False, False, 0)  # no tile


class GemmController:
    """Decides in every cycle which words enter the array.

    What, output stationary: a pair, a word of either operand stream, moves if the command and both words are
    there. The last pair of a tile also needs the shift register, which is free `rows` cycles after the last
    pair of the tile before, the cycle in which its results `go`; and, if the tile leaves, room for all its
    output words. The command goes with the last pair. `drain`: R + C - 2 idle cycles follow.

    Weight stationary: a word of weights moves if the command is there and no loaded tile waits, or it begins
    in this cycle; the command goes with the last one, and the tile is loaded. A word of activations moves if
    a tile runs, or is loaded and begins, and, if that tile leaves, there is room for its output word.
    `drain`: a load begins R + C - 2 idle cycles after the last word of activations, and its activations R
    cycles after that, or later.

    When: the outputs answer in the same cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        array, timing = config.array, config.timing
        self._paired = [array.operands_of(form) == 2 for form in array.code_formats]
        self._stationary, self._drains = array.stationary, bool(timing.drains)
        self._idle, self._fill = array.rows + array.cols - 2, array.rows
        self.step = 0  # words of the tile that have entered; weight stationary, words of its load
        self.gap = 0  # drain: idle cycles to come
        self.leaving = 0  # output stationary: cycles until the shift register is free
        self.loaded: GemmCommand | None = None
        self.age = 0  # drain: cycles since the load began, R at most
        self.running: GemmCommand | None = None
        self.left = 0  # words of activations that the running tile awaits

    def __call__(self, inputs: GemmControllerInputs) -> GemmControllerOutputs:
        """Answer to `inputs`, and go to the next cycle."""
        return self._weight_stationary(inputs) if self._stationary else self._output_stationary(inputs)

    def _output_stationary(self, inputs: GemmControllerInputs) -> GemmControllerOutputs:
        command, go = inputs.command, self.leaving == 1
        last = self.step == command.words - 1
        words = self._words(command)
        moves = inputs.command_valid and inputs.activations_valid and inputs.weights_valid and self.gap == 0
        if last:
            moves = moves and self.leaving <= 1 and inputs.room >= words
        begins, ends = moves and self.step == 0, moves and last
        self.gap, self.leaving = max(0, self.gap - 1), max(0, self.leaving - 1)
        if moves:
            self.step += 1
        if ends:
            self.step, self.leaving = 0, command.rows
            self.gap = self._idle if self._drains else 0
        tile = command if moves else NOTHING
        return GemmControllerOutputs(ends, moves, moves, begins, ends, tile, go, words if ends else 0)

    def _words(self, command: GemmCommand) -> int:
        """Return the output words of a tile."""
        if not command.leaves:
            return 0
        return command.rows // 2 if self._paired[command.activation_format] else command.rows

    def _weight_stationary(self, inputs: GemmControllerInputs) -> GemmControllerOutputs:
        filled = not self._drains or self.age >= self._fill
        tile = self.running or (self.loaded if filled else None)
        moves = tile is not None and inputs.activations_valid and (inputs.room > 0 or not tile.leaves)
        begins = moves and self.running is None
        may_load = self.loaded is None or begins
        if self._drains:
            may_load = self.loaded is None and self.running is None and self.gap == 0
        loads = inputs.command_valid and inputs.weights_valid and may_load
        command_ready = loads and self.step == inputs.command.rows - 1

        self.age = min(self.age + 1, self._fill) if self.step or self.loaded else 0
        self.gap = max(0, self.gap - 1)
        ends = False
        if moves and tile:
            if begins:
                self.running, self.loaded, self.left = tile, None, tile.words
            self.left -= 1
            ends = self.left == 0
            if ends:
                self.running, self.gap = None, self._idle
        if loads:
            if self.step == 0:
                self.age = 1
            self.step += 1
        if command_ready:
            self.loaded, self.step = inputs.command, 0
        reserve = int(bool(moves and tile and tile.leaves))
        shown = tile if moves and tile else NOTHING
        return GemmControllerOutputs(command_ready, moves, loads, begins, ends, shown, False, reserve)

"""The controller of the array: two tiles' places, a counter each, and what both need.

Obeys: the schedules of `sim.arch.ant.config`. Model: `sim.ant.controller`.
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import layout, shape
from tandemsim.sim.arch.ant.config import AntConfig, Schedule
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.wires import wires


class GemmController(wiring.Component):
    """Decides in every cycle which words enter the array.

    How: weight stationary, the tile that is loaded and the one that runs are registers, and the command of
    the one whose weights enter stands at its stream; output stationary, the only tile does.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        command, room = layout(command_fields(config)), shape(wires(config).room)
        super().__init__(
            {
                "command_valid": In(1),
                "command": In(command),
                "activations_valid": In(1),
                "weights_valid": In(1),
                "room": In(room),
                "command_ready": Out(1),
                "activations_ready": Out(1),
                "weights_ready": Out(1),
                "begins": Out(1),
                "ends": Out(1),
                "tile": Out(command),
                "go": Out(1),
                "reserve": Out(room),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        self._drains = array.schedule is Schedule.DRAIN
        idle = array.rows + array.cols - 2
        # Drain: idle cycles to come. At least one bit: one PE has none, and a wire of no bits is one of two.
        self._gap = Signal(range(max(1, idle) + 1), name="gap")
        if array.stationary:
            tile = self._weight_stationary(m)
        else:
            tile = self._output_stationary(m)
        if self._drains:
            with m.If(self._gap != 0):
                m.d.sync += self._gap.eq(self._gap - 1)
            with m.If(self.ends):
                m.d.sync += self._gap.eq(idle)
        with m.If(self.activations_ready):
            m.d.comb += self.tile.eq(tile)
        return m

    def _output_stationary(self, m: Module) -> Value:
        command = self.command
        step = Signal.like(command.words, name="step")  # pairs of the tile that have entered
        leaving = Signal.like(command.rows, name="leaving")  # cycles until the shift register is free
        words = self._words(m)
        last = named(m, step == command.words - 1, "last")
        may_end = named(m, (leaving <= 1) & (self.room >= words), "may_end")
        moves = self.command_valid & self.activations_valid & self.weights_valid
        moves = moves & (self._gap == 0) & (may_end | ~last)
        m.d.comb += [
            self.activations_ready.eq(moves),
            self.weights_ready.eq(self.activations_ready),
            self.begins.eq(self.activations_ready & (step == 0)),
            self.ends.eq(self.activations_ready & last),
            self.command_ready.eq(self.ends),
            self.go.eq(leaving == 1),
            self.reserve.eq(Mux(self.ends, words, 0)),
        ]
        with m.If(leaving != 0):
            m.d.sync += leaving.eq(leaving - 1)
        with m.If(self.activations_ready):
            m.d.sync += step.eq(step + 1)
        with m.If(self.ends):
            m.d.sync += [step.eq(0), leaving.eq(command.rows)]
        return command

    def _words(self, m: Module) -> Signal:
        """Return the output words of the tile."""
        array, command = self.config.array, self.command
        pairs = [n for n, form in enumerate(array.code_formats) if array.operands_of(form) == 2]
        paired = command.activation_format.matches(*pairs)
        words = Mux(paired, command.rows >> 1, command.rows)
        return named(m, Mux(command.leaves, words, 0), "words")

    def _weight_stationary(self, m: Module) -> Value:
        command = self.command
        running, loaded = Signal.like(command, name="running"), Signal.like(command, name="loaded")
        runs, waits = Signal(), Signal()
        left = Signal.like(command.words, name="left")  # words that the running tile awaits
        step = Signal.like(command.rows, name="step")  # words of the load that have entered

        tile = Signal.like(command, name="next_tile")
        m.d.comb += tile.eq(Mux(runs, running, loaded))
        begins = self.begins
        room = named(m, (self.room != 0) | ~tile.leaves, "has_room")
        loads = self.command_valid & self.weights_valid & self._may_load(runs, waits)
        awaited = named(m, Mux(runs, left, tile.words), "awaited")
        m.d.comb += [
            self.activations_ready.eq(
                (runs | self._is_filled(m, waits, step)) & self.activations_valid & room
            ),
            begins.eq(self.activations_ready & ~runs),
            self.ends.eq(self.activations_ready & (awaited == 1)),
            self.weights_ready.eq(loads),
            self.command_ready.eq(self.weights_ready & (step == command.rows - 1)),
            self.reserve.eq(self.activations_ready & tile.leaves),
        ]
        with m.If(self.activations_ready):
            m.d.sync += [left.eq(awaited - 1), runs.eq(~self.ends)]
        with m.If(begins):
            m.d.sync += [running.eq(loaded), waits.eq(0)]
        with m.If(self.weights_ready):
            m.d.sync += step.eq(step + 1)
        with m.If(self.command_ready):
            m.d.sync += [loaded.eq(command), waits.eq(1), step.eq(0)]
        return tile

    def _may_load(self, runs: Value, waits: Value) -> Value:
        return ~runs & ~waits & (self._gap == 0) if self._drains else ~waits | self.begins

    def _is_filled(self, m: Module, waits: Value, step: Value) -> Value:
        """Return whether a loaded tile may begin; `drain`: R cycles after its load began, or later."""
        if not self._drains:
            return waits
        fill = self.config.array.rows
        age = Signal(range(fill + 1), name="age")  # cycles since the load began, R at most
        with m.If(self.weights_ready & (step == 0)):
            m.d.sync += age.eq(1)
        with m.Elif(~waits & (step == 0)):
            m.d.sync += age.eq(0)
        with m.Elif(age != fill):
            m.d.sync += age.eq(age + 1)
        return waits & (age == fill)

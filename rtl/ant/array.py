"""The systolic array: decoders along two sides, rows of PEs, and the foot.

Obeys: the schedule that `sim.arch.ant.config` counts. Model: `sim.ant.array`.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.ant.block_foot import BlockFoot
from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.rtl.lib.delay import delayed_in_memory
from tandemsim.rtl.lib.emit import unit
from tandemsim.rtl.lib.fixed import in_width
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import layout
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import activation_fields, command_fields, output_fields, weight_fields
from tandemsim.sim.arch.ant.wires import blocks_of, wires


class Lane(NamedTuple):
    """What enters a row from the left, or a column from above."""

    base: Value
    shift: Value
    enabled: Value  # the tile has it, and a word is there
    control: data.View  # that travels along the side


class SystolicArray(wiring.Component):
    """Decoders on two sides, rows of PEs, and the foot below them.

    How: a word enters whole; the code of row r, or column c, passes so many registers before its decoder.
    Formats and flags travel along the side, a row or a column in a cycle. Psums, or results, wait for those
    of the last column.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        command = layout(command_fields(config))
        super().__init__(
            {
                "activations": In(layout(activation_fields(config))),
                "weights": In(layout(weight_fields(config))),
                "activations_valid": In(1),
                "weights_valid": In(1),
                "begins": In(1),
                "ends": In(1),
                "tile": In(command),
                "command": In(command),
                "go": In(1),
                "word": Out(layout(output_fields(config))),
                "word_valid": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        self._platform = platform
        kind = WeightPE if array.stationary else OutputPE
        pes = [[kind(self.config) for _ in range(array.cols)] for _ in range(array.rows)]
        for r, row in enumerate(pes):
            for c, pe in enumerate(row):
                m.submodules[f"pe_{r}_{c}"] = unit(platform, pe)
        left, above = self._left(m), self._above(m)
        connect = self._weight_stationary if array.stationary else self._output_stationary
        connect(m, pes, left, above)
        for row in pes:
            for before, after in zip(row, row[1:], strict=False):
                self._pass(m, before, after, "activation_base", "activation_shift")
        for upper, lower in zip(pes, pes[1:], strict=False):
            for before, after in zip(upper, lower, strict=True):
                self._pass(m, before, after, "weight_base", "weight_shift")
        word, valid, end = self._foot(m, pes[-1])
        if array.taps:
            word, valid, end = self._block_foot(m, pes, word, valid, end)
        m.d.comb += [
            self.word.as_value().eq(Cat(word, end)),
            self.word_valid.eq(valid),
        ]
        return m

    @staticmethod
    def _pass(m: Module, before: wiring.Component, after: wiring.Component, *names: str) -> None:
        for name in names:
            m.d.comb += getattr(after, f"{name}_in").eq(getattr(before, f"{name}_out"))

    def _left(self, m: Module) -> list[Lane]:
        """Return what enters each row."""
        array, tile = self.config.array, self.tile
        control = {
            "format": tile.activation_format,
            "used": tile.rows,
            "valid": self.activations_valid,
            "begins": self.begins,
            "ends": self.ends,
        }
        if array.taps:
            control["blocks"] = tile.blocks
        in_place = 1 if array.stationary else 0
        return self._lanes(m, "row", list(self.activations.codes), control, in_place)

    def _above(self, m: Module) -> list[Lane]:
        """Return what enters each column."""
        command = self.command
        control = {
            "format": command.weight_format,
            "used": command.cols,
            "valid": self.weights_valid,
            "go": self.go,
        }
        return self._lanes(m, "col", list(self.weights.codes), control, 0)

    def _lanes(
        self, m: Module, side: str, codes: list[Value], control: dict[str, Value], in_place: int
    ) -> list[Lane]:
        """Decode the code of each lane, so many cycles late as its place says."""
        fields = data.StructLayout({name: value.shape() for name, value in control.items()})
        travels = Signal(fields, name=f"{side}_0")
        m.d.comb += [travels[name].eq(value) for name, value in control.items()]
        found = []
        for place, code in enumerate(codes):
            if place:
                travels = delayed(m, travels, 1, f"{side}_{place}")
            decoder = OperandDecoder(self.config)
            m.submodules[f"{side}_decoder_{place}"] = unit(self._platform, decoder)
            enabled = named(m, travels.valid & (travels.used > place), f"{side}_{place}_enabled")
            m.d.comb += [
                decoder.code.eq(
                    delayed(m, named(m, code, f"{side}_{place}_code"), place, f"{side}_{place}_late")
                ),
                decoder.format.eq(travels.format),
                decoder.enabled.eq(enabled),
                decoder.upper.eq(1 - place % 2),
                decoder.in_place.eq(in_place),
            ]
            found.append(Lane(decoder.base, decoder.shift, enabled, travels))
        return found

    def _enter(
        self, m: Module, pes: list[list[wiring.Component]], left: list[Lane], above: list[Lane]
    ) -> None:
        """Feed the first PE of each row and of each column with their operands."""
        for row, lane in zip(pes, left, strict=True):
            m.d.comb += [
                row[0].activation_base_in.eq(lane.base),
                row[0].activation_shift_in.eq(lane.shift),
            ]
        for pe, lane in zip(pes[0], above, strict=True):
            m.d.comb += [pe.weight_base_in.eq(lane.base), pe.weight_shift_in.eq(lane.shift)]

    def _weight_stationary(
        self, m: Module, pes: list[list[WeightPE]], left: list[Lane], above: list[Lane]
    ) -> None:
        self._enter(m, pes, left, above)
        for row, lane in zip(pes, left, strict=True):
            m.d.comb += row[0].swap_in.eq(lane.control.begins)
            for before, after in zip(row, row[1:], strict=False):
                self._pass(m, before, after, "swap")
        for pe, lane in zip(pes[0], above, strict=True):
            m.d.comb += pe.weight_valid_in.eq(lane.control.valid)
        for r, (upper, lower) in enumerate(zip(pes, pes[1:], strict=False), 1):
            cut = self._cut(m, r, left[r])
            for before, after in zip(upper, lower, strict=True):
                self._pass(m, before, after, "weight_valid")
                if cut is None:
                    self._pass(m, before, after, "psum")
                else:
                    m.d.comb += after.psum_in.eq(Mux(cut, 0, before.psum_out))
                    cut = delayed(m, cut, 1, f"cut_{r}")

    def _cut(self, m: Module, row: int, lane: Lane) -> Signal | None:
        """Return, where a row begins a block, whether its first PE leaves the psum above to the tap there."""
        blocks = self.config.array.blocks
        if blocks is None or row % blocks.length:
            return None
        return named(m, lane.control.blocks, f"cut_{row}")

    def _output_stationary(
        self, m: Module, pes: list[list[OutputPE]], left: list[Lane], above: list[Lane]
    ) -> None:
        self._enter(m, pes, left, above)
        for row, lane in zip(pes, left, strict=True):
            m.d.comb += [
                row[0].valid_in.eq(lane.enabled),
                row[0].first_in.eq(lane.control.begins),
                row[0].last_in.eq(lane.control.ends),
            ]
            for before, after in zip(row, row[1:], strict=False):
                self._pass(m, before, after, "valid", "first", "last")
        for upper, lower in zip(pes, pes[1:], strict=False):
            for before, after in zip(upper, lower, strict=True):
                m.d.comb += [after.above.eq(before.result), after.above_moves.eq(before.moves)]
        for column, lane in zip(zip(*pes, strict=True), above, strict=True):
            m.d.comb += [pe.go.eq(lane.control.go) for pe in column]

    def _foot(self, m: Module, bottom: list[wiring.Component]) -> tuple[Value, Value, Value]:
        """Bring the columns together, and the tile that they are of; return word, whether it is one, end."""
        array = self.config.array
        m.submodules.foot = foot = Foot(self.config)
        for c, pe in enumerate(bottom):
            sums = pe.psum_out if array.stationary else pe.result
            m.d.comb += foot.psums[c].eq(delayed(m, sums, array.cols - 1 - c, f"psum_{c}"))
        lag = array.rows + array.cols - 1
        starts = self.begins if array.stationary else self.ends
        counts = self.activations_valid & ~self.tile.blocks if array.taps else self.activations_valid
        flags = delayed(m, named(m, Cat(starts, counts), "flags_0"), lag, "flags")
        m.d.comb += [
            foot.starts.eq(flags[0]),
            foot.valid.eq(flags[1] if array.stationary else bottom[-1].moves),
            foot.command.eq(delayed_in_memory(m, self.tile.as_value(), lag, "tile")),
        ]
        wire = wires(self.config)
        none = Const(0, array.cols * wire.exponent.width)
        sums = Cat(*(in_width(each, wire.sum.width) for each in foot.word))
        return Cat(sums, none), foot.word_valid, foot.end

    def _block_foot(
        self, m: Module, pes: list[list[WeightPE]], word: Value, valid: Value, end: Value
    ) -> tuple[Value, Value, Value]:
        """Take blocks out of the columns; return their words together with those of the foot."""
        array = self.config.array
        length = blocks_of(array).length
        m.submodules.block_foot = foot = BlockFoot(self.config)
        for segment in range(array.segments):
            ends = pes[(segment + 1) * length - 1]
            for c, pe in enumerate(ends):
                psum = named(m, pe.psum_out[: len(foot.psums[segment][c])], f"block_{segment}_{c}")
                m.d.comb += foot.psums[segment][c].eq(
                    delayed(m, psum, array.cols - 1 - c, f"block_{segment}_{c}")
                )
        row = Signal.like(self.command.rows, name="weight_row")
        with m.If(self.weights_valid):
            m.d.sync += row.eq(Mux(row == self.command.rows - 1, 0, row + 1))
        m.d.comb += [
            foot.activations_valid.eq(self.activations_valid),
            foot.begins.eq(self.begins),
            foot.tile.eq(self.tile),
            foot.scales.eq(self.activations.scales),
            foot.weights_valid.eq(self.weights_valid & self.command.blocks),
            foot.row.eq(row),
            foot.weight_scales.eq(self.weights.scales),
        ]
        late = int(array.segments > 1)
        word, valid, end = (
            delayed(m, named(m, each, f"{name}_0"), late, name)
            for name, each in (("sums", word), ("sums_valid", valid), ("sums_end", end))
        )
        ours = Cat(foot.sums.as_value(), foot.exponents.as_value())
        return ours | word, valid | foot.word_valid, end | foot.end

"""The foot of the array: joins nibbles, adds up the parts of K, and makes output words.

Obeys: `AntArray.foot_width` and `Overflow`. Model: `sim.ant.foot`.
"""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.accumulators import accumulators, tile_of, words_seen
from tandemsim.rtl.lib.fixed import saturate
from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import layout, shape
from tandemsim.sim.arch.ant.config import AntConfig, Overflow
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.ant.wires import wires


class Foot(wiring.Component):
    """Joins the nibbles of the columns, and output stationary those of the rows, and accumulates.

    How: joined sums are registers; in their cycle the accumulators are read. In the next the sums are added,
    written, and registers of the output. The read port sees what is written in its cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire, cols = wires(config), config.array.cols
        super().__init__(
            {
                "psums": In(data.ArrayLayout(shape(wire.psum), cols)),
                "valid": In(1),
                "starts": In(1),
                "command": In(layout(command_fields(config))),
                "word": Out(data.ArrayLayout(shape(wire.foot), cols)),
                "word_valid": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        command = tile_of(m, self.starts, self.command)
        counted = command.words if array.stationary else command.rows
        seen = words_seen(m, self.starts, self.valid, counted)

        sums = self._joined_columns(m, command)
        if array.stationary:
            valid, number = self.valid, seen
            last = named(m, seen == command.words - 1, "last_word")
        else:
            row = named(m, (command.rows - 1 - seen)[: len(seen)], "row")
            sums, valid, number = self._joined_rows(m, command, row, sums)
            last = named(m, row == 0, "last_row")
        self._accumulate(m, command, sums, valid, number, last)
        return m

    def _joined_columns(self, m: Module, command: data.View) -> list[Value]:
        """Return the sum of each column: of two nibbles in the even ones, and 0 in the odd ones."""
        paired = self._paired(m, command.weight_format, "weight_paired")
        found: list[Value] = [*self.psums]
        if paired is None:
            return found
        for col in range(0, len(found), 2):
            upper, lower = found[col : col + 2]
            found[col] = named(m, Mux(paired, (upper << NIBBLE) + lower, upper), f"joined_{col}")
            found[col + 1] = named(m, Mux(paired, 0, lower).as_signed(), f"joined_{col + 1}")
        return found

    def _joined_rows(
        self, m: Module, command: data.View, row: Value, sums: list[Value]
    ) -> tuple[list[Value], Value, Value]:
        """Return the sums of a row, of two nibbles in two rows of which the lower one comes first."""
        paired = self._paired(m, command.activation_format, "activation_paired")
        if paired is None:
            return sums, self.valid, row
        is_lower = named(m, paired & row[0], "is_lower")
        found: list[Value] = []
        for col, upper in enumerate(sums):
            lower = Signal.like(upper, name=f"lower_{col}")
            with m.If(self.valid & is_lower):
                m.d.sync += lower.eq(upper)
            found.append(named(m, Mux(paired, (upper << NIBBLE) + lower, upper), f"whole_{col}"))
        return found, named(m, self.valid & ~is_lower, "whole_valid"), Mux(paired, row >> 1, row)

    def _paired(self, m: Module, number: Value, name: str) -> Value | None:
        """Return whether a format has two nibbles; None where none has."""
        array = self.config.array
        pairs = [n for n, form in enumerate(array.code_formats) if array.operands_of(form) == 2]
        return named(m, number.matches(*pairs), name) if pairs else None

    def _accumulate(
        self, m: Module, command: data.View, sums: list[Value], valid: Value, number: Value, last: Value
    ) -> None:
        width, depth = self.config.array.foot_width, self.config.accumulator_rows
        held = accumulators(m, command, valid, number, last, width * len(sums), depth)
        totals = []
        for col, value in enumerate(sums):
            new = Signal.like(Value.cast(self._cut(value)), name=f"new_{col}")
            m.d.sync += new.eq(value)
            old = Mux(held.first, 0, held.data.word_select(col, width)).as_signed()
            totals.append(named(m, self._bounded(old + new), f"total_{col}"))
        m.d.comb += held.written.eq(Cat(*totals))
        m.d.sync += [
            self.word.eq(Mux(held.leaves, Cat(*totals), 0)),
            self.word_valid.eq(held.leaves),
            self.end.eq(held.leaves & held.end),
        ]

    def _cut(self, value: Value) -> Value:
        """Return what of a joined sum can matter: where sums wrap, no more bits than they have."""
        width = self.config.array.foot_width
        wraps = self.config.array.overflow is Overflow.REFUSE
        return value[:width].as_signed() if wraps and len(value) > width else value

    def _bounded(self, total: Value) -> Value:
        width = self.config.array.foot_width
        if self.config.array.overflow is Overflow.SATURATE:
            bound = 1 << (width - 1)
            total = saturate(total, -bound, bound - 1)
        return total[:width] if len(total) > width else total

"""A tap in the columns, where blocks end: it scales their sums and adds them up with a running exponent.

Obeys: the OCP Microscaling Formats specification, version 1.0, and NVFP4, as `sim.arch.blocks` has them.
Model: `sim.ant.tap`.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.ant.decoder import magnitude
from tandemsim.rtl.lib.accumulators import accumulators, tile_of, words_seen
from tandemsim.rtl.lib.fixed import saturate
from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import layout, shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.wires import GUARD_BITS, tap_width, wires
from tandemsim.sim.arch.blocks import E8M0_BIAS, SCALE

FAR = 63  # a shift by as much leaves nothing of any accumulator but its sign


class Scaled(NamedTuple):
    """A number: ``significand * 2**exponent``, both signed."""

    significand: Value
    exponent: Value


class Tap(wiring.Component):
    """Ends the blocks of all columns in one place: scales their sums and accumulates them.

    How: scaled sums are registers, and their cycle is that in which the accumulators are read. To add, the
    number of the smaller exponent is shifted right.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire, cols = wires(config), config.array.cols
        super().__init__(
            {
                "psums": In(data.ArrayLayout(shape(wire.block_sum), cols)),
                "valid": In(1),
                "starts": In(1),
                "command": In(layout(command_fields(config))),
                "scale": In(shape(wire.scale)),
                "weight_scales": In(data.ArrayLayout(shape(wire.scale), cols)),
                "loads": In(1),
                "sums": Out(data.ArrayLayout(shape(wire.sum), cols)),
                "exponents": Out(data.ArrayLayout(shape(wire.exponent), cols)),
                "word_valid": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        command = tile_of(m, self.starts, self.command)
        seen = words_seen(m, self.starts, self.valid, command.words)
        last = named(m, seen == command.words - 1, "last_word")
        bits = self._width + len(self.exponents[0])
        depth = self.config.accumulator_rows
        held = accumulators(m, command, self.valid, seen, last, bits * len(self.psums), depth)
        totals = []
        for col, new in enumerate(self._scaled(m)):
            was = held.data.word_select(col, bits)
            old = Scaled(
                Mux(held.first, 0, was[: self._width]).as_signed(),
                Mux(held.first, 0, was[self._width :]).as_signed(),
            )
            totals.append(added(m, old, new, self._width, f"total_{col}"))
        m.d.comb += held.written.eq(Cat(*(Cat(*total) for total in totals)))
        for col, total in enumerate(totals):
            m.d.sync += [
                self.sums[col].eq(Mux(held.leaves, total.significand, 0)),
                self.exponents[col].eq(Mux(held.leaves, total.exponent, 0)),
            ]
        m.d.sync += [self.word_valid.eq(held.leaves), self.end.eq(held.leaves & held.end)]
        return m

    @property
    def _width(self) -> int:
        return tap_width(self.config.array.blocks)

    def _scaled(self, m: Module) -> list[Scaled]:
        """Return the scaled sum of each column, a cycle later."""
        waiting, in_use = Signal.like(self.weight_scales), Signal.like(self.weight_scales)
        with m.If(self.starts):
            m.d.sync += in_use.eq(waiting)
        with m.If(self.loads):
            m.d.sync += waiting.eq(self.weight_scales)
        used = Signal.like(self.weight_scales, name="used")
        m.d.comb += used.eq(Mux(self.starts, waiting, in_use))
        left = self._parts(self.scale)
        found = []
        for col, psum in enumerate(self.psums):
            above = self._parts(used[col])
            significand = psum * left.significand * above.significand << GUARD_BITS
            new = Scaled(
                Signal.like(Value.cast(significand), name=f"significand_{col}"),
                Signal.like(self.exponents[col], name=f"exponent_{col}"),
            )
            m.d.sync += [new.significand.eq(significand), new.exponent.eq(left.exponent + above.exponent)]
            found.append(new)
        return found

    def _parts(self, code: Value) -> Scaled:
        """Return what a scale's code stands for."""
        blocks = self.config.array.blocks
        if blocks is None or not blocks.float_scale:
            return Scaled(Const(1), code.as_unsigned() - E8M0_BIAS)
        found = magnitude(code, SCALE)
        return Scaled(Mux(found.negative, -found.base, found.base), found.shift)


def added(m: Module, one: Scaled, other: Scaled, width: int, name: str) -> Scaled:
    """Return the sum of two as an accumulator of `width` bits holds it: the smaller exponent gives way.

    What is 0 has no say in the exponent.
    """
    other_counts = named(m, other.significand != 0, f"{name}_counts")
    swap = named(
        m,
        other_counts & ((one.significand == 0) | (one.exponent < other.exponent)),
        f"{name}_swap",
    )
    high, low = (
        Scaled(*(Mux(swap, b, a).as_signed() for a, b in zip(first, second, strict=True)))
        for first, second in ((one, other), (other, one))
    )
    distance = named(m, high.exponent - low.exponent, f"{name}_distance")
    far = named(m, Mux(distance > FAR, FAR, distance[: FAR.bit_length()]), f"{name}_places")
    total = named(m, high.significand + (low.significand >> far), f"{name}_sum")
    bound = 1 << (width - 1)
    return Scaled(
        named(m, saturate(total, -bound, bound - 1), name),
        named(m, high.exponent, f"{name}_exponent"),
    )

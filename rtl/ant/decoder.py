"""The decoder at the edge of the array: rules of the formats, one behind each other's number.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286), section 5; flint with odd shifts, as `sim.arch.codes` has it, needs
a bit less. Model: `sim.ant.decoder`, which looks codes up in tables that are made another way.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.codes import CodeFormat, Kind


class Magnitude(NamedTuple):
    """What a rule makes of a code: ``base * 2**shift``, negated if `negative`."""

    base: Value
    shift: Value
    negative: Value


class OperandDecoder(wiring.Component):
    """Turns a code into a base and a shift: its value is ``base * 2**shift``.

    How: the format's number selects its rule; one negation serves all formats of sign and magnitude.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(
            {
                "code": In(shape(wire.code)),
                "format": In(shape(wire.format)),
                "enabled": In(1),
                "upper": In(1),
                "in_place": In(1),
                "base": Out(shape(wire.base)),
                "shift": Out(shape(wire.shift)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        base, shift, negative = Signal.like(self.base), Signal.like(self.shift), Signal()
        with m.Switch(self.format):
            for number, form in enumerate(array.code_formats):
                paired = array.operands_of(form) == 2
                found = self._nibble(form) if paired else magnitude(self.code[: form.bits], form)
                with m.Case(number):
                    m.d.comb += [
                        base.eq(found.base),
                        shift.eq(found.shift),
                        negative.eq(found.negative),
                    ]
        with m.If(self.enabled):
            m.d.comb += [self.base.eq(Mux(negative, -base, base)), self.shift.eq(shift)]
        return m

    def _nibble(self, form: CodeFormat) -> Magnitude:
        """Return a nibble of an integer of two: the upper one has the sign, and its place in a sum."""
        nibble = self.code[:NIBBLE]
        sign = nibble[-1] & self.upper if form.signed else Const(0, 1)
        return Magnitude(
            Cat(nibble, sign).as_signed(), Mux(self.upper & self.in_place, NIBBLE, 0), Const(0, 1)
        )


def magnitude(code: Value, form: CodeFormat) -> Magnitude:
    """Return what a format's rule makes of a code of its own bits."""
    nothing = Const(0, 1)
    if form.kind is Kind.INT:
        return Magnitude(code.as_signed() if form.signed else code, nothing, nothing)
    low = code[: form.magnitude_bits]
    base, shift = {Kind.POT: _pot, Kind.FLINT: _flint, Kind.FLOAT: _float}[form.kind](low, form)
    return Magnitude(base, shift, code[-1] if form.signed else nothing)


def _pot(code: Value, form: CodeFormat) -> tuple[Value, Value]:
    """0, then ``2**(code - 1)``."""
    return code.any(), Mux(code.any(), code - 1, 0)[: len(code)]


def _flint(code: Value, form: CodeFormat) -> tuple[Value, Value]:
    """Top bit 0: the integer x of the other bits; 1: ``x * 2**(2 z + 1)``, z the leading zeros of x."""
    x, top = code[:-1], code[-1]
    shift: Value = Const(2 * len(x))  # of 100...0, the largest value: 1 there
    for place in range(len(x)):
        shift = Mux(x[place], 2 * (len(x) - 1 - place) + 1, shift)
    return x | (top & ~x.any()), Mux(top, shift, 0)


def _float(code: Value, form: CodeFormat) -> tuple[Value, Value]:
    """Subnormal j; else ``(2**m + j) * 2**(e - 1)``."""
    exponent = code[form.mantissa :]
    return Cat(code[: form.mantissa], exponent.any()), Mux(exponent.any(), exponent - 1, 0)[: len(exponent)]

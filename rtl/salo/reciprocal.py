"""The reciprocal unit: a leading-one detector, a shift, and a chord of 1/x.

Obeys: `sim.arch.reciprocal`, whose table it holds. Model: `sim.salo.reciprocal`.
"""

from __future__ import annotations

from amaranth import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.wires import wires


class ReciprocalUnit(wiring.Component):
    """Turns a positive integer into the mantissa and the exponent of its reciprocal.

    How: the operand moves left until its leading one stands at the top; of the bits behind it the upper ones
    pick two neighboring entries of the table, and the lower ones interpolate. Of the `reciprocal_latency`
    the first cycle is the user's register; the others are registers behind the normalization, then at the
    outputs.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(
            {
                "value": In(shape(wire.operand)),
                "mantissa": Out(shape(wire.inverse)),
                "exponent": Out(shape(wire.leading)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        reciprocal, width = self.config.numerics.reciprocal, len(self.value)
        stages = self.config.array.reciprocal_latency - 1
        exponent = Signal.like(self.exponent, name="leading")
        # Of several assignments the last one holds: the highest bit that is set.
        for position in range(width):
            with m.If(self.value[position]):
                m.d.comb += exponent.eq(position)
        # The leading one falls off the top; what is left of the operand is a fraction of `fraction` bits.
        above = (width - 1 - exponent)[: len(exponent)]
        normalized = (self.value << above)[: width - 1]
        if width - 1 > reciprocal.fraction:
            fraction = normalized[width - 1 - reciprocal.fraction :]
        else:
            fraction = Cat(Const(0, reciprocal.fraction - (width - 1)), normalized)
        operand = named(m, Cat(fraction, exponent, self.value != 0), "operand")
        operand = delayed(m, operand, min(stages, 1), "operand")
        bits = reciprocal.fraction
        offset, segment = operand[: reciprocal.offset_bits], operand[reciprocal.offset_bits : bits]
        ends = [int(end) for end in reciprocal.table]
        high = named(m, Array(ends[:-1])[segment] if len(ends) > 2 else Const(ends[0]), "high")
        steps = [left - right for left, right in zip(ends, ends[1:], strict=False)]
        slope = named(m, Array(steps)[segment] if len(steps) > 1 else Const(steps[0]), "slope")
        below = (slope * offset + (1 << (reciprocal.offset_bits - 1))) >> reciprocal.offset_bits
        mantissa = Mux(operand[-1], high - below, 0)
        found = named(m, Cat(mantissa[: len(self.mantissa)], operand[bits:-1]), "found")
        m.d.comb += Cat(self.mantissa, self.exponent).eq(delayed(m, found, stages - min(stages, 1), "found"))
        return m

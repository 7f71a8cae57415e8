"""A circuit behind a handful of pins, so that an FPGA's place-and-route can take ports of thousands of bits.

Inputs come from a shift register with feedback, so that nothing about them is known before the chip runs;
outputs are registered and folded into one bit, so that nothing is left out as unused. Paths from and to the
circuit's ports end in registers: what limits the clock lies in the circuit.
"""

from __future__ import annotations

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

FOLD = 16  # bits that one register folds: two levels of 4-input tables


class FewPins(wiring.Component):
    """Wraps a component: `seed` shifts in, `folded` comes out."""

    def __init__(self, circuit: wiring.Component) -> None:
        self.circuit = circuit
        super().__init__({"seed": In(1), "folded": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.circuit = self.circuit
        inputs: list[Value] = []
        outputs: list[Value] = []
        for _, member, value in self.circuit.signature.flatten(self.circuit):
            bits = Value.cast(value)
            if len(bits):
                (inputs if member.flow is wiring.In else outputs).append(bits)
        entering = Signal(sum(len(bits) for bits in inputs) + 1)
        m.d.sync += entering.eq(Cat(entering[-1] ^ entering[0] ^ self.seed, entering[:-1]))
        # The last bit is the register's own: with one bit more than ports, no port is also the feedback.
        m.d.comb += Cat(inputs).eq(entering)
        leaving: Value = Cat(outputs)
        level = 0
        while True:
            register = Signal(-(-len(leaving) // FOLD), name=f"fold_{level}")
            parts = [leaving[start : start + FOLD].xor() for start in range(0, len(leaving), FOLD)]
            m.d.sync += register.eq(Cat(parts))
            leaving, level = register, level + 1
            if len(register) == 1:
                break
        m.d.comb += self.folded.eq(leaving)
        return m

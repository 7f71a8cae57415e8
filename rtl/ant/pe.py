"""The two processing elements of the ANT array: a small multiplier, a shifter and an adder each.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286): one integer multiplier and a shifter for all types. Model:
`sim.ant.pe`.
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import AntWires, wires
from tandemsim.sim.arch.wires import BIT, Wire


class WeightPE(wiring.Component):
    """Weight stationary: one multiplier, one shifter, one adder, and two weights.

    How: the weight in use and the one that waits are registers; a swap takes the waiting one around the
    register of the one in use, so that it multiplies in the same cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(_passed(_to_the_right(wire) | {"swap": BIT, "psum": wire.psum} | _weight(wire)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        used_base, used_shift = Signal.like(self.weight_base_in), Signal.like(self.weight_shift_in)
        next_base, next_shift = Signal.like(self.weight_base_in), Signal.like(self.weight_shift_in)
        in_need = Signal(init=1)

        base = named(m, Mux(self.swap_in, next_base, used_base), "base")
        weight_shift = named(m, Mux(self.swap_in, next_shift, used_shift), "weight_shift")
        activation = self.activation_base_in, self.activation_shift_in
        product = shifted_product(m, *activation, base, weight_shift, len(self.psum_in))
        kept = named(m, self.weight_valid_in & (in_need | self.swap_in), "kept")
        m.d.sync += [
            self.psum_out.eq(self.psum_in + product),
            in_need.eq((in_need | self.swap_in) & ~kept),
            self.weight_valid_out.eq(self.weight_valid_in & ~kept),
        ]
        with m.If(self.swap_in):
            m.d.sync += [used_base.eq(next_base), used_shift.eq(next_shift)]
        with m.If(kept):
            m.d.sync += [next_base.eq(self.weight_base_in), next_shift.eq(self.weight_shift_in)]
        _pass_on(m, self, "activation_base", "activation_shift", "swap", "weight_base", "weight_shift")
        return m


class OutputPE(wiring.Component):
    """Output stationary: one multiplier, one shifter, one adder, and a place in the column's shift register.

    How: the sum is a register beside the result, so that the next tile may begin while results leave.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire = wires(config)
        control = {"valid": BIT, "first": BIT, "last": BIT}
        weight = {"weight_base": wire.base, "weight_shift": wire.shift}
        super().__init__(
            _passed(_to_the_right(wire) | control | weight)
            | {
                "go": In(1),
                "above": In(shape(wire.psum)),
                "above_moves": In(1),
                "result": Out(shape(wire.psum)),
                "moves": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal.like(self.result, name="held")
        waits, moving = Signal(), Signal()
        activation = self.activation_base_in, self.activation_shift_in
        weight = self.weight_base_in, self.weight_shift_in
        product = shifted_product(m, *activation, *weight, len(held))
        total = named(m, (Mux(self.first_in, 0, held) + product)[: len(held)], "total")
        ends = named(m, self.valid_in & self.last_in, "ends")
        m.d.comb += self.moves.eq(moving | (waits & self.go))
        m.d.sync += [
            waits.eq(ends | (waits & ~self.moves)),
            moving.eq(self.above_moves & ~ends),
        ]
        with m.If(self.valid_in):
            m.d.sync += held.eq(total)
        with m.If(ends):
            m.d.sync += self.result.eq(total)
        with m.Elif(self.above_moves):
            m.d.sync += self.result.eq(self.above)
        right = ("activation_base", "activation_shift", "valid", "first", "last")
        _pass_on(m, self, *right, "weight_base", "weight_shift")
        return m


def shifted_product(
    m: Module, base: Value, shift: Value, weight: Value, weight_shift: Value, width: int
) -> Signal:
    """Return ``base * 2**shift * weight * 2**weight_shift`` in `width` bits."""
    product = named(m, base * weight, "product")
    places = named(m, shift + weight_shift, "places")
    return named(m, (product << places)[:width].as_signed(), "shifted")


def _to_the_right(wire: AntWires) -> dict[str, Wire]:
    return {"activation_base": wire.base, "activation_shift": wire.shift}


def _weight(wire: AntWires) -> dict[str, Wire]:
    return {"weight_base": wire.base, "weight_shift": wire.shift, "weight_valid": BIT}


def _passed(ports: dict[str, Wire]) -> dict[str, wiring.Member]:
    """Return an input and an output of each."""
    return {f"{name}_in": In(shape(wire)) for name, wire in ports.items()} | {
        f"{name}_out": Out(shape(wire)) for name, wire in ports.items()
    }


def _pass_on(m: Module, pe: wiring.Component, *names: str) -> None:
    """Hand on, in every cycle, what only passes through."""
    for name in names:
        m.d.sync += getattr(pe, f"{name}_out").eq(getattr(pe, f"{name}_in"))

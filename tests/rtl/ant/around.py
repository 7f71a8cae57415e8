"""Circuits around the foot of ANT that take all of a tile at once: two sums of nibbles, or two codes.

They do nothing but bring the inputs to the units in the order in which the array does.
"""

from __future__ import annotations

from collections.abc import Callable

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.ant.pe import shifted_product
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import wires

CYCLES = 4  # a tile of one word: two rows, the accumulator, and the register of what it shows
FORMATS = ("int4", "int8", "int8u")
PLAIN, BYTE, BYTE_UNSIGNED = range(3)  # their numbers; those of 8 bits are two nibbles


class Foundation(wiring.Component):
    """A foot of two columns, shown one tile again and again; `sums` are those of its last word."""

    def __init__(
        self, config: AntConfig, foot: type[Foot], ports: dict[str, wiring.Member], *sums: str
    ) -> None:
        self.config, self.kind = config, foot
        super().__init__(ports | dict.fromkeys(sums, Out(shape(wires(config).sum))))
        self.sums = [getattr(self, name) for name in sums]

    def show(
        self, m: Module, psums: Callable[[Signal], list[Value]], activation: Value | int, weight: Value | int
    ) -> None:
        """Show the foot ``psums(upper)``: output stationary the lower row's, and then the upper one's."""
        m.submodules.foot = foot = self.kind(self.config)
        step = Signal(range(CYCLES))
        upper = Signal()
        m.d.sync += step.eq(step + 1)
        m.d.comb += [
            upper.eq(step == 1),
            *(port.eq(value) for port, value in zip(foot.psums, psums(upper), strict=True)),
            foot.valid.eq(step < (1 if self.config.array.stationary else 2)),
            foot.starts.eq(step == 0),
            foot.command.words.eq(1),
            foot.command.rows.eq(2),
            foot.command.cols.eq(2),
            foot.command.activation_format.eq(activation),
            foot.command.weight_format.eq(weight),
            foot.command.first.eq(1),
            foot.command.leaves.eq(1),
        ]
        with m.If(foot.word_valid):
            m.d.sync += [own.eq(shown) for own, shown in zip(self.sums, foot.word, strict=False)]


class Joined(Foundation):
    """What the foot makes of the sums of two nibbles: of two columns, or output stationary of two rows.

    Formats are PLAIN and BYTE. In rows, the second column has the same two sums, the other way around.
    """

    def __init__(self, config: AntConfig, foot: type[Foot] = Foot) -> None:
        psum = shape(wires(config).psum)
        super().__init__(config, foot, {"high": In(psum), "low": In(psum), "paired": In(1)}, "sum", "other")

    def elaborate(self, platform: object) -> Module:
        m = Module()
        number = Mux(self.paired, BYTE, PLAIN)
        pairs = (self.high, self.low), (self.low, self.high)
        if self.config.array.stationary:
            self.show(m, lambda _: [*pairs[0]], PLAIN, number)
        else:
            self.show(m, lambda upper: [Mux(upper, *pair) for pair in pairs], number, PLAIN)
        return m


class Multiplied(Foundation):
    """What decoders, the products of PEs, and the foot make of two codes of two nibbles each."""

    def __init__(self, config: AntConfig, foot: type[Foot] = Foot) -> None:
        ports = {"activation": In(8), "weight": In(8), "signed": In(2)}
        super().__init__(config, foot, ports, "sum")

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._decoders = 0
        numbers = [Mux(sign, BYTE, BYTE_UNSIGNED) for sign in self.signed]
        stationary = self.config.array.stationary
        above = [self._decoded(m, self.weight, numbers[1], upper, 0) for upper in (1, 0)]
        left = [self._decoded(m, self.activation, numbers[0], upper, int(stationary)) for upper in (1, 0)]
        products = [
            [shifted_product(m, *row, *column, self.config.array.accumulator_width) for column in above]
            for row in left
        ]

        def psums(upper: Signal) -> list[Value]:
            pairs = zip(*products, strict=True)
            return [high + low if stationary else Mux(upper, high, low) for high, low in pairs]

        self.show(m, psums, *numbers)
        return m

    def _decoded(
        self, m: Module, code: Signal, number: Value, upper: int, in_place: int
    ) -> tuple[Value, Value]:
        decoder = OperandDecoder(self.config)
        m.submodules[f"decoder_{self._decoders}"] = decoder
        self._decoders += 1
        m.d.comb += [
            decoder.code.eq(code[4:] if upper else code[:4]),
            decoder.format.eq(number),
            decoder.enabled.eq(1),
            decoder.upper.eq(upper),
            decoder.in_place.eq(in_place),
        ]
        return decoder.base, decoder.shift

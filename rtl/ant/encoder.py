"""The encoder behind the array: comparisons with the midpoints of a format's values.

Obeys: the tie rules of `sim.arch.codes`. Model: `sim.ant.encoder`.
"""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import saturate
from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.operands import encoder_table
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.codes import CodeFormat, Kind


class CodeEncoder(wiring.Component):
    """Turns a number into the code of the nearest value.

    How: an integer is rounded and bounded; of any other format each midpoint is compared, the lowest first,
    and the last one that is not above the number says the code.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(
            {
                "twice": In(shape(wire.twice)),
                "inexact": In(1),
                "format": In(shape(wire.format)),
                "code": Out(shape(wire.encoded)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with m.Switch(self.format):
            for number, form in enumerate(self.config.array.code_formats):
                code = self._integer(form) if form.kind is Kind.INT else self._compared(m, form)
                with m.Case(number):
                    m.d.comb += self.code.eq(code[: form.bits])
        return m

    def _integer(self, form: CodeFormat) -> Value:
        """Half of what comes in, ties up, within the format's bounds."""
        least, greatest = int(form.grid[0]), int(form.grid[-1])
        return saturate((self.twice + 1) >> 1, least, greatest).as_unsigned()

    def _compared(self, m: Module, form: CodeFormat) -> Value:
        table = encoder_table(form)
        # With one bit more, a number that was rounded down to a midpoint is above it.
        number = named(m, Cat(self.inexact, self.twice).as_signed(), f"{form.name}_number")
        code: Value = Const(int(table.codes[0]), form.bits)
        places = zip(table.bounds, table.codes, table.codes[1:], strict=False)
        for place, (bound, below, above) in enumerate(places):
            stays = table.even and below % 2 == 0  # on the midpoint
            step = named(m, number >= 2 * int(bound) + int(stays), f"{form.name}_above_{place}")
            code = Mux(step, Const(int(above), form.bits), code)
        return code

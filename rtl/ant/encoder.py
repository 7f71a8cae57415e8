"""The encoder behind the array: comparisons with the midpoints of a format's values.

Obeys: the tie rules of `sim.arch.codes`. Model: `sim.ant.encoder`.
"""

from __future__ import annotations

from amaranth import Cat, Const, Module, Value
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

    How: an integer is rounded and bounded. Of any other format the number is compared with every midpoint,
    and each that it has passed changes the bits in which the codes beside it differ.
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
        above, changes = [], []  # whether a midpoint is passed, and the bits of the code that change there
        places = zip(table.bounds.tolist(), table.codes.tolist(), table.codes.tolist()[1:], strict=False)
        for place, (bound, code, next_code) in enumerate(places):
            stays = table.even and code % 2 == 0  # on the midpoint
            above.append(named(m, number >= 2 * bound + stays, f"{form.name}_above_{place}"))
            changes.append(code ^ next_code)
        lowest = Const(int(table.codes[0]), form.bits)
        bits = [
            Cat(*(step for step, change in zip(above, changes, strict=True) if change >> bit & 1)).xor()
            for bit in range(form.bits)
        ]
        return Cat(*bits) ^ lowest

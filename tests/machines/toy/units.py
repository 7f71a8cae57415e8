"""The circuit of the toy machine: an adder for each row."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.units import Units
from tests.machines.toy.family import ToyConfig


class Adder(wiring.Component):
    """Adds two numbers for each row."""

    def __init__(self, config: ToyConfig) -> None:
        self.config = config
        rows = range(config.rows)
        ports = {f"{name}{row}": In(8) for row in rows for name in "ab"}
        super().__init__({**ports, **{f"sum{row}": Out(9) for row in rows}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for row in range(self.config.rows):
            m.d.comb += getattr(self, f"sum{row}").eq(getattr(self, f"a{row}") + getattr(self, f"b{row}"))
        return m


UNITS = Units(kinds=(Adder,), said={}, seconds=lambda unit, config: 0.0)

"""A PE as it stands in its array: bits of shifts that no code of the array's formats has are 0.

Wires of shifts are as wide on both sides as the largest shift needs. A decoder of integers gives zeros there,
and a PE that is counted by itself would have a shifter for them.
"""

from __future__ import annotations

import numpy as np
from amaranth import Module
from amaranth.lib import wiring

from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.sim.arch.ant.config import AntArray, AntConfig
from tandemsim.sim.arch.ant.operands import operand_tables
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.ant.wires import wires


class TiedPE(wiring.Component):
    """Wraps a PE, and has its ports; of the shifts of activations and weights only some bits are used."""

    def __init__(self, pe: WeightPE | OutputPE, activation: int, weight: int) -> None:
        self.pe = pe
        self.used = {"activation_shift_in": activation, "weight_shift_in": weight}
        super().__init__(self.pe.signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.pe = self.pe
        for (name, *_), member, value in self.signature.flatten(self):
            inner = getattr(self.pe, str(name))
            if member.flow is wiring.Out:
                m.d.comb += value.eq(inner)
            else:
                m.d.comb += inner.eq(value & self.used[name] if name in self.used else value)
        return m


def in_place(config: AntConfig) -> WeightPE | OutputPE | TiedPE:
    """Return the PE of a configuration's dataflow, wrapped where not all bits of shifts are used."""
    pe: WeightPE | OutputPE = (WeightPE if config.array.stationary else OutputPE)(config)
    used = used_shifts(config.array)
    is_whole = all(bits == (1 << wires(config).shift.width) - 1 for bits in used)
    return pe if is_whole else TiedPE(pe, *used)


def used_shifts(array: AntArray) -> tuple[int, int]:
    """Return the bits that shifts of activations and of weights can have set, as numbers."""
    used = int(np.bitwise_or.reduce(operand_tables(array).shift, axis=None))
    in_place = array.stationary and any(array.operands_of(form) == 2 for form in array.code_formats)
    return used | (NIBBLE if in_place else 0), used

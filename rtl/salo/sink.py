"""The sink unit: an exponential unit whose mantissa is moved to the fraction of a row sum.

Obeys: one more logit a head in the denominator of the softmax. Model: `sim.salo.sink`.
"""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import drop_half_up
from tandemsim.rtl.lib.wires import shape
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.wires import wires


class SinkUnit(wiring.Component):
    """Turns the logit of a sink into the exponent and the row sum with which weighted-sum units begin.

    How: the exponential unit of a PE; where a row sum has fewer fraction bits than a mantissa, an adder that
    rounds.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(
            {
                "sink": In(shape(wire.score)),
                "merged_max": Out(shape(wire.exponent)),
                "merged_sum": Out(shape(wire.sink_sum)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, numerics = Module(), self.config.numerics
        m.submodules.exp = unit = ExpUnit(self.config)
        drop = numerics.exp.fraction_bits - numerics.row_sum.fraction
        m.d.comb += [
            unit.score.eq(self.sink),
            self.merged_max.eq(unit.exponent),
            self.merged_sum.eq(drop_half_up(unit.mantissa, drop)),
        ]
        return m

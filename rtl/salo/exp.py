"""The exponential unit of a PE: a shift, two bounds, and a line in one of a few segments.

Obeys: SALO (arXiv 2206.14550) section 5; tables and formats in `sim.arch.salo.exp2`. Model: `sim.salo.exp`.
"""

from __future__ import annotations

from amaranth import Array, Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import saturate
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import array_constants
from tandemsim.sim.arch.salo.wires import wires


class ExpUnit(wiring.Component):
    """Turns a score into the exponent and the mantissa of its power of two.

    How: the bits above the fraction are the exponent, those below pick slope and intercept of a segment: one
    small multiplier, one adder. The registers of `exp_latency` stand behind the bounds, then at the outputs.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        wire = wires(config)
        super().__init__(
            {
                "score": In(shape(wire.score)),
                "exponent": Out(shape(wire.exponent)),
                "mantissa": Out(shape(wire.mantissa)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array = self.config.array
        c = array_constants(self.config.numerics, array.normalisation, array.head_dim)
        latency, bits = array.exp_latency, c.exp_fraction
        lowest = c.exponent_minimum << bits
        highest = ((c.exponent_maximum + 1) << bits) - 1
        behind_bounds = min(latency - 1, 1)
        log2 = named(m, saturate(self.score >> c.score_drop, lowest, highest), "log2")
        log2 = delayed(m, log2, behind_bounds, "log2")
        found = named(m, Cat(log2[bits:], self._line(log2[:bits])[: bits + 1]), "found")
        m.d.comb += Cat(self.exponent, self.mantissa).eq(delayed(m, found, latency - behind_bounds, "found"))
        return m

    def _line(self, fraction: Value) -> Value:
        """Return ``(slope * fraction >> slope_fraction) + intercept`` of the fraction's segment."""
        exp = self.config.numerics.exp
        if len(exp.slopes) == 1:
            slope, intercept = exp.slopes[0], exp.intercepts[0]
        else:
            segment = fraction[exp.segment_shift :]
            slope, intercept = Array(exp.slopes)[segment], Array(exp.intercepts)[segment]
        return ((slope * fraction) >> exp.slope_fraction) + intercept

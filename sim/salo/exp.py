"""The exponential unit of a PE.

Obeys: SALO (arXiv 2206.14550) section 5; tables and formats in `sim.arch.salo.exp2`.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import SaloConstants, array_constants
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.fixed import saturate
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.registers import EXPONENT, no_saturations


@jit
def exponential(score: int, constants: SaloConstants, counters: Integers) -> tuple[int, int]:
    """Return (exponent, mantissa) of ``2**score``, the raw score first saturated to the exponent's range."""
    bits = constants.exp_fraction
    lowest = constants.exponent_minimum << bits
    highest = ((constants.exponent_maximum + 1) << bits) - 1
    exact = score >> constants.score_drop
    log2 = saturate(exact, lowest, highest)
    counters[EXPONENT] += log2 != exact
    return log2 >> bits, int(constants.mantissas[log2 & ((1 << bits) - 1)])


class ExpUnitInputs(NamedTuple):
    """What enters the unit in a cycle."""

    score: int  # signed, SaloNumerics.score


class ExpUnitOutputs(NamedTuple):
    """What leaves it for that."""

    exponent: int  # signed, ExpConfig.exponent_width bits
    mantissa: int  # unsigned, ExpConfig.fraction_bits fraction bits, below 2.0


class ExpUnit:
    """Turns a score into the exponent and the mantissa of its power of two.

    What: the score in log2 units is cut to `ExpConfig.fraction_bits` fraction bits (truncated towards minus
    infinity) and saturated to the range of the exponent; its integer part is the exponent, its fraction picks
    one of the segments: ``mantissa = (slope * fraction >> slope_fraction) + intercept``.

    When: `SaloArray.exp_latency` cycles after the score; a new score may enter in every cycle.
    """

    def __init__(self, config: SaloConfig) -> None:
        self._constants = array_constants(config.numerics, config.array.normalisation, config.array.head_dim)
        self.saturations = no_saturations()

    def __call__(self, inputs: ExpUnitInputs) -> ExpUnitOutputs:
        """Return what leaves the unit `exp_latency` cycles after `inputs`."""
        exponent, mantissa = exponential(inputs.score, self._constants, self.saturations)
        return ExpUnitOutputs(int(exponent), int(mantissa))

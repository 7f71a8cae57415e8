"""The sink unit: with what the rows of a head begin that has a learned sink.

Obeys: attention sinks as gpt-oss learns them, one more logit a head in the denominator of the softmax,
without a key and without a value. It is a score like any other and passes the exponential of the PEs, whose
errors then cancel between numerator and denominator. SALO (arXiv 2206.14550) has none.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import SaloConstants, array_constants
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.fixed import shift_half_up
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.exp import exponential
from tandemsim.sim.salo.registers import no_saturations


@jit
def sink_state(sink: int, constants: SaloConstants, counters: Integers) -> tuple[int, int]:
    """Return (exponent, row sum) of a row that holds a sink and no key; `sink` is a raw score.

    The row sum is the mantissa, rounded half up to the fraction of a row sum. Nothing is cut to the fraction
    of a weight, because no value is multiplied by it.
    """
    exponent, mantissa = exponential(sink, constants, counters)
    return exponent, shift_half_up(mantissa, constants.exp_fraction - constants.sum_fraction)


class SinkUnitInputs(NamedTuple):
    """What enters the unit in a cycle."""

    sink: int  # signed, SaloNumerics.score


class SinkUnitOutputs(NamedTuple):
    """What leaves it for that."""

    merged_max: int  # signed, ExpConfig.exponent_width bits
    merged_sum: int  # unsigned, SaloNumerics.row_sum.fraction fraction bits, at most 2.0


class SinkUnit:
    """Turns the logit of a sink into the exponent and the row sum with which weighted-sum units begin.

    What: `sink_state`.

    When: `SaloArray.exp_latency` cycles after the sink; a new one may enter in every cycle.
    """

    def __init__(self, config: SaloConfig) -> None:
        self._constants = array_constants(config.numerics, config.array.normalisation, config.array.head_dim)
        self.saturations = no_saturations()

    def __call__(self, inputs: SinkUnitInputs) -> SinkUnitOutputs:
        """Return what leaves the unit `exp_latency` cycles after `inputs`."""
        exponent, row_sum = sink_state(inputs.sink, self._constants, self.saturations)
        return SinkUnitOutputs(int(exponent), int(row_sum))

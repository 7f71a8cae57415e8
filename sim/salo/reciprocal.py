"""The reciprocal unit: one at the end of each row, and one in each weighted-sum unit.

Obeys: `sim.arch.reciprocal`. It takes the place of the artifact's integer divider.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.reciprocal import ReciprocalConstants
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.engine.jit import jit


@jit
def reciprocal(value: int, constants: ReciprocalConstants) -> tuple[int, int]:
    """Return (mantissa, exponent): ``1/value ~ mantissa * 2**-(fraction + exponent)``; (0, 0) for 0."""
    if value == 0:
        return 0, 0
    exponent = 0
    while (value >> exponent) > 1:
        exponent += 1
    fraction, offset_bits = constants.fraction, constants.offset_bits
    drop = exponent - fraction
    operand = (value >> drop) if drop > 0 else (value << -drop)
    operand -= 1 << fraction
    segment = operand >> offset_bits
    offset = operand & ((1 << offset_bits) - 1)
    high, low = int(constants.table[segment]), int(constants.table[segment + 1])
    return high - (((high - low) * offset + (1 << (offset_bits - 1))) >> offset_bits), exponent


class ReciprocalUnitInputs(NamedTuple):
    """What enters the unit in a cycle."""

    value: int  # unsigned


class ReciprocalUnitOutputs(NamedTuple):
    """What leaves it for that."""

    mantissa: int  # unsigned, 2**(fraction - 1) to 2**fraction
    exponent: int  # unsigned, position of the leading one


class ReciprocalUnit:
    """Turns a positive integer into the mantissa and the exponent of its reciprocal.

    What: the operand is normalized by its leading one and cut to `ReciprocalConfig.fraction` bits; its top
    bits pick a chord of the table, the product of the others with the chord's slope is rounded half up. 0
    gives (0, 0).

    When: combinational for `SaloArray.reciprocal_latency` 1; each further cycle of latency is one register
    stage.
    """

    def __init__(self, config: SaloConfig) -> None:
        self._constants = config.numerics.reciprocal.constants

    def __call__(self, inputs: ReciprocalUnitInputs) -> ReciprocalUnitOutputs:
        """Return the reciprocal of `inputs`."""
        mantissa, exponent = reciprocal(inputs.value, self._constants)
        return ReciprocalUnitOutputs(int(mantissa), int(exponent))

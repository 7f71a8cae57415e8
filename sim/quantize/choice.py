"""The number format of a tensor, chosen by squared error: one type a tensor, a scale for each channel.

Obeys: ANT's artifact, `quant_modules.py`: types are tried in a fixed order, and the first with the least sum
of the channels' errors is taken; weights are signed, activations if any value is negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tandemsim.sim.arch.codes import CodeFormat, Kind
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.quantize.candidates import formats_of
from tandemsim.sim.quantize.scales import ARTIFACT, Scales, Span, search


class Choice(NamedTuple):
    """A format, and the scales that are best for it."""

    form: CodeFormat
    scales: Scales

    @property
    def mse(self) -> float:
        """Mean squared error of the tensor."""
        return float(self.scales.mse.mean())


def choose(
    values: Doubles,
    kinds: Iterable[Kind],
    bits: int,
    signed: bool,
    span: Span = ARTIFACT,
    store: str = "float32",
) -> Choice:
    """Return the best format for `values` [channels, n] among the types `kinds`."""
    return best_of(values, formats_of(kinds, bits, signed), span, store)


def best_of(
    values: Doubles, formats: Iterable[CodeFormat], span: Span = ARTIFACT, store: str = "float32"
) -> Choice:
    """Return the format with the least error; of several the first."""
    return min((Choice(form, search(values, form, span, store)) for form in formats), key=lambda c: c.mse)


def is_signed(values: Doubles) -> bool:
    """Whether an activation needs a signed format."""
    return bool((values < 0).any())

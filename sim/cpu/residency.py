"""Which weights are still in L3 when a layer runs again: an insertion clock on each island.

A layer lasts microseconds, filling an island takes milliseconds, so no cache reaches the steady state of a
layer. What lasts from one query to the next is weights. Each island counts the bytes that were inserted into
it; a layer notes, when it ends, that clock and the slice of its output channels that ran there. What of
this slice a later run needs is still there if less than the island's capacity was inserted since. That is
the transient itself, in closed form, at a cost of one look per island and layer.

`long_run_shares` is the other form, the long run of Che's approximation. Planners use it, since they cannot
know what is in the caches.
"""

from __future__ import annotations

import enum
import math

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.engine.jit import BARE, jit

NEVER_USED = -1e300
FOR_WEIGHTS = 0.75  # assumed: of L3; the rest holds activations
STEPS = 200  # of a bisection, to the last bit


class LastUse(enum.IntEnum):
    """Columns of what each island remembers of each layer, an array [layers, islands, LastUse]."""

    STAMP = 0  # bytes inserted into the island before the layer's last run there ended
    LOW = 1  # the slice of its weights that ran there, LOW ... HIGH of 0 ... 1
    HIGH = 2


def no_uses(layers: int, islands: int) -> Doubles:
    """Return the last uses of layers that have not run."""
    uses = np.zeros((layers, islands, len(LastUse)))
    uses[..., LastUse.STAMP] = NEVER_USED
    return uses


@jit(**BARE)
def resident_share(
    uses: Doubles, layer: int, island: int, inserted: float, low: float, high: float, l3_bytes: float
) -> float:
    """Return the share of a layer's weights that lies on `island`, of the slice `low` ... `high` of them.

    inserted: bytes so far, of `l3_bytes` that the island has room for.
    """
    if inserted - uses[layer, island, LastUse.STAMP] >= l3_bytes:
        return 0.0
    first, end = float(uses[layer, island, LastUse.LOW]), float(uses[layer, island, LastUse.HIGH])
    return max(0.0, min(high, end) - max(low, first))


@jit(**BARE)
def note_use(uses: Doubles, layer: int, island: int, inserted: float, low: float, high: float) -> None:
    """Note that a layer has just ended on `island`, with the slice `low` ... `high` of its weights."""
    uses[layer, island, LastUse.STAMP] = inserted
    uses[layer, island, LastUse.LOW] = low
    uses[layer, island, LastUse.HIGH] = high


def long_run_shares(weight_bytes: Doubles, rates: Doubles, l3_bytes: float) -> Doubles:
    """Return the share of each network's weights that is in L3 when it runs again (Che's approximation).

    `weight_bytes` and `rates` ([networks]) are of one island: what of a network's weights one query brings
    there, and how often. Of an age x with sum W (1 - exp(-rate x)) = 0.75 L3 each has its 1 - exp(-rate x).
    """
    room = FOR_WEIGHTS * l3_bytes
    if weight_bytes[rates > 0].sum() <= room:
        return np.ones(len(rates))
    low, high = 0.0, 1.0
    while _filled(weight_bytes, rates, high) < room:
        high *= 2
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _filled(weight_bytes, rates, middle) < room else (low, middle)
    return np.array([1 - math.exp(-rate * high) for rate in rates])


def _filled(weight_bytes: Doubles, rates: Doubles, age: float) -> float:
    terms = zip(weight_bytes, rates, strict=True)
    return math.fsum(weights * (1 - math.exp(-rate * age)) for weights, rate in terms)

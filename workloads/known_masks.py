"""Masks whose values are known: which pairs they allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.workloads.mask_patterns import Mask

# A summand of at most this denies a pair, as exp(-10000) is 0 in every format: published masks have -1e4,
# -65504 or the least number.
DENIED = -1e4

#: What is noted of a mask whose values are known and are not those of any pattern.
NO_PATTERN = "a constant mask without a pattern stays an operand of its attention"

#: What is noted of one that is known and has too many pairs to be looked at.
TOO_LARGE = "a constant mask that is too large to be read stays an operand of its attention"


def allowed_pairs(mask: NDArray[Any]) -> Mask | None:
    """Return which pairs a mask allows, bool [queries, keys]; None where it says more than that.

    A mask of booleans allows where it is true; one of numbers allows where it is 0 and denies where it is
    very negative. Leading axes must all say the same; an axis of length 1 is for all queries or keys.
    """
    if mask.ndim < 2:
        mask = mask.reshape(1, -1)
    if mask.dtype == np.bool_:
        allowed: Mask = mask
    else:
        allowed = mask == 0
        if not (allowed | (mask <= DENIED)).all():
            return None
    allowed = allowed.reshape(-1, *mask.shape[-2:])
    return allowed[0] if (allowed == allowed[:1]).all() else None

"""Survival curves: how much of what a team reads from L3 it does not read again before it has moved x bytes.

`sim.cpu.reuse` makes them.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.cpu.tables import FIRST_KNOT_BYTES, KNOTS

KNOT_BYTES = FIRST_KNOT_BYTES * 2.0 ** np.arange(KNOTS)


def missing(survival: Doubles, occupied: Doubles, room_bytes: float) -> Doubles:
    """Return the share of bytes that are used again and miss, alone in so much room, [versions, team sizes].

    Everything is evicted at one age, that at which what is younger fills the room.
    """
    survival = np.concatenate([np.ones_like(survival[:, :, :1]), survival], 2)
    occupied = np.concatenate([np.zeros_like(occupied[:, :, :1]), occupied], 2)
    above = (occupied >= room_bytes).argmax(axis=2)
    full = occupied[:, :, -1] >= room_bytes
    lower = np.maximum(0, above - 1)[:, :, None]
    upper = above[:, :, None]
    low, high = (np.take_along_axis(occupied, at, 2)[:, :, 0] for at in (lower, upper))
    first, last = (np.take_along_axis(survival, at, 2)[:, :, 0] for at in (lower, upper))
    part = np.where(high > low, (room_bytes - low) / np.maximum(high - low, 1.0), 1.0)
    at_age = first + np.clip(part, 0.0, 1.0) * (last - first)
    return np.where(full, np.maximum(0.0, at_age - survival[:, :, -1]), 0.0)

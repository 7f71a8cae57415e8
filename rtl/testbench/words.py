"""Packed words as numbers: fields from the lowest bit up, as `sim.arch.wires` says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tandemsim.sim.arch.wires import Fields, Wire


def pack(fields: Fields, word: NamedTuple) -> int:
    """Return a word as one number."""
    packed = place = 0
    for name, field in fields.items():
        mask = (1 << field.wire.width) - 1
        for value in np.asarray(getattr(word, name)).reshape(-1).tolist():
            packed |= (int(value) & mask) << place
            place += field.wire.width
    return packed


def unpack(fields: Fields, packed: int) -> dict[str, Any]:
    """Return the fields of a word: a number, or a list of all elements."""
    found: dict[str, Any] = {}
    for name, field in fields.items():
        values = []
        for _ in range(field.wires):
            values.append(value_of(packed, field.wire))
            packed >>= field.wire.width
        found[name] = values if field.shape else values[0]
    return found


def value_of(raw: int, wire: Wire) -> int:
    """Return what the lowest bits of a number stand for on a wire."""
    raw &= (1 << wire.width) - 1
    return raw - (1 << wire.width) if wire.signed and wire.width and raw >> (wire.width - 1) else raw

"""Wires and packed words: widths and signs, for circuits, the port tables of their Verilog, and tests.

A machine's tables (`sim.arch.salo.wires`, `sim.arch.salo.ports`) are made of these.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Wire(NamedTuple):
    """The width of a wire in bits, and whether it holds two's complement."""

    width: int
    signed: bool = False


BIT = Wire(1)


class Field(NamedTuple):
    """One field of a packed word: an array of equal wires; no shape: a single one."""

    wire: Wire
    shape: tuple[int, ...] = ()

    @property
    def wires(self) -> int:
        """Wires of the array."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """Bits of the field."""
        return self.wire.width * self.wires


# A packed word: its fields from the lowest bit up; the elements of a field likewise, the last index fastest.
Fields = dict[str, Field]


def width(fields: Fields) -> int:
    """Return the bits of a packed word."""
    return sum(field.width for field in fields.values())

"""Wires and packed words of `sim.arch.wires` as Amaranth has them: shapes and layouts."""

from __future__ import annotations

from amaranth import Shape
from amaranth.lib import data

from tandemsim.sim.arch.wires import Field, Fields, Wire


def shape(wire: Wire) -> Shape:
    """Return a wire as a shape."""
    return Shape(wire.width, wire.signed and wire.width > 0)


def layout(fields: Fields) -> data.StructLayout:
    """Return the layout of a word: fields from the lowest bit up, those of no bits left out."""
    return data.StructLayout({name: _member(field) for name, field in fields.items() if field.width})


def _member(field: Field) -> Shape | data.ArrayLayout:
    member: Shape | data.ArrayLayout = shape(field.wire)
    for count in reversed(field.shape):
        member = data.ArrayLayout(member, count)
    return member

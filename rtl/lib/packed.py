"""Packed words: tables of `sim.arch.salo.ports` as Amaranth layouts."""

from __future__ import annotations

from amaranth import Shape
from amaranth.lib import data

from tandemsim.rtl.lib.fixed import shape
from tandemsim.sim.arch.salo.ports import Field, Fields


def layout(fields: Fields) -> data.StructLayout:
    """Return the layout of a word: fields from the lowest bit up, those of no bits left out."""
    return data.StructLayout({name: _member(field) for name, field in fields.items() if field.width})


def _member(field: Field) -> Shape | data.ArrayLayout:
    member: Shape | data.ArrayLayout = shape(field.wire)
    for count in reversed(field.shape):
        member = data.ArrayLayout(member, count)
    return member

"""Values of ports as single numbers: those of packed ports from the lowest bit up, as circuits have them."""

from __future__ import annotations

from typing import Any

from amaranth import Shape, Value
from amaranth.lib import data, wiring


def shapes(circuit: wiring.Component) -> dict[str, Any]:
    """Return the shape or layout of each port that is not a stream."""
    members = circuit.signature.members.items()
    return {name: member.shape for name, member in members if member.is_port}


def number(shape: Any, value: Any) -> int:
    """Return what a port of a shape holds: a plain one with its sign, a packed one as the bits of all."""
    if isinstance(shape, data.ArrayLayout):
        return _packed([(shape.elem_shape, each) for each in value])
    if isinstance(shape, data.StructLayout):
        return _packed([(field.shape, getattr(value, name)) for name, field in shape])
    return int(value)


def bits(circuit: wiring.Component, name: str) -> Value:
    """Return a port as a plain value."""
    return Value.cast(getattr(circuit, name))


def _packed(parts: list[tuple[Any, Any]]) -> int:
    total = place = 0
    for shape, value in parts:
        width = Shape.cast(shape).width
        total |= (number(shape, value) & ((1 << width) - 1)) << place
        place += width
    return total

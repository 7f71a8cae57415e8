"""What one kind of op states: its dims, and the MACs and shapes that follow from them.

`traces.kinds` is the table of all kinds. A kind's functions take the `dims` and the `attrs` of an op.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_statement import Attrs, Dims

Shape = tuple[int, ...]
Schema = dict[str, Any]

MAX_DIM = 2**31 - 1  # assumed: what an int32 index holds
NO_LIMIT = 2**31  # of the number of inputs
PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")


class Operand(NamedTuple):
    """What a tensor must be: of one `shape`, of one of several numbers of `elements`, or one to broadcast."""

    shape: Shape | None = None
    elements: tuple[int, ...] = ()
    broadcast: Shape | None = None  # the shape to which it must broadcast


class Operands(NamedTuple):
    """The tensors that the dims and attrs of an op ask for."""

    inputs: tuple[Operand, ...]  # the first ones; those beyond (bias, mask) are free
    output: Operand
    counts: range | None = None  # of inputs, where the op itself says how many


class Attr(NamedTuple):
    """One attribute that a kind knows."""

    name: str
    rule: str  # what it must be
    valid: Callable[[object], bool]
    schema: Schema


def no_macs(dims: Dims, attrs: Attrs) -> int:
    """Return 0: the MACs of an op without products."""
    return 0


def no_place(attrs: Attrs, name: str, inputs: int) -> int | None:
    """Return None: the place of a named operand, where a kind has none."""
    return None


def unrefined(rules: Schema) -> Schema:
    """Return a JSON Schema as it is."""
    return rules


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of op. A new one is one `Kind` in the table of `traces.kinds`."""

    name: str
    line: str  # what it computes
    required: tuple[str, ...]  # dims
    optional: Mapping[str, int | str] = field(default_factory=dict)
    """Dims with their defaults: a number, or the dim whose value is the default."""
    attrs: tuple[Attr, ...] = ()  # those that are checked; `pattern` checks its own
    input_counts: range
    operands: Callable[[Dims, Attrs], Operands]
    macs: Callable[[Dims, Attrs], int] = no_macs
    implied: Mapping[str, Callable[[Dims], int]] = field(default_factory=dict)
    """Required dims that may be left out where the first dim of `lists` says as much."""
    lists: tuple[str, ...] = ()  # dims that are lists of integers; `pattern` checks them
    pattern: Callable[[Dims, Attrs], Pattern] | None = None  # of a sparse attention
    place: Callable[[Attrs, str, int], int | None] = no_place  # of an operand by name, among so many inputs
    refined: Callable[[Schema], Schema] = unrefined  # what its JSON Schema has beyond integer dims

    def dim(self, dims: Dims, name: str) -> int:
        """Return the integer dimension `name` of an op, or its default. Raises `TraceError`."""
        value = dims.get(name)
        if value is None and name in self.implied and any(given in dims for given in self.lists):
            return self.implied[name](dims)
        if value is None:
            default = self.optional.get(name)
            value = self.dim(dims, default) if isinstance(default, str) else default
        if isinstance(value, int):
            return value
        raise TraceError("is missing" if value is None else "must be an integer", field=f"dims.{name}")

    def product(self, dims: Dims, *names: str) -> int:
        """Return the product of some dimensions."""
        return math.prod(self.dim(dims, name) for name in names)

    def check(self, dims: Dims, attrs: Attrs) -> None:
        """Raise `TraceError` for a dim that is missing, unknown or out of range, or an attr of a wrong value."""
        for name in self.required:
            self.dim(dims, name)
        for name, value in dims.items():
            if name in self.lists:
                continue
            if name not in self.required and name not in self.optional:
                advice = hint(name, [*self.required, *self.optional])
                raise TraceError(f"is not a dimension of {self.name}; {advice}", field=f"dims.{name}")
            least, rule = (0, "a non-negative") if name in PADS else (1, "a positive")
            if not isinstance(value, int) or not least <= value <= MAX_DIM:
                raise violation(f"dims.{name}", f"must be {rule} integer below 2**31", value)
        for attr in self.attrs:
            if attr.name in attrs and not attr.valid(attrs[attr.name]):
                raise violation(f"attrs.{attr.name}", f"must be {attr.rule}", attrs[attr.name])


def integer_schema(dim: str) -> Schema:
    """Return the JSON Schema of an integer dimension."""
    return {"type": "integer", "minimum": 0 if dim in PADS else 1, "maximum": MAX_DIM}

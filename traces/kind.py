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
from tandemsim.traces.pattern import Attrs, Dims, Pattern

Shape = tuple[int, ...]
Schema = dict[str, Any]

MAX_DIM = 2**31 - 1  # assumed: what an int32 index holds
NO_LIMIT = 2**31  # of the number of inputs
PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")


class Operand(NamedTuple):
    """What a tensor must be: of one `shape`, or of one of several numbers of `elements`."""

    shape: Shape | None = None
    elements: tuple[int, ...] = ()


class Operands(NamedTuple):
    """The tensors that the dims of an op ask for."""

    inputs: tuple[Operand, ...]  # the first ones; those beyond (bias, mask) are free
    output: Operand


def no_macs(dims: Dims, attrs: Attrs) -> int:
    """Return 0: the MACs of an op without products."""
    return 0


def unrefined(rules: Schema) -> Schema:
    """Return a JSON Schema as it is."""
    return rules


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of op. A new one is one `Kind` in the table of `traces.kinds`."""

    name: str
    line: str  # what it computes
    required: tuple[str, ...]  # dims
    optional: Mapping[str, int] = field(default_factory=dict)  # dims with their defaults
    input_counts: range
    operands: Callable[[Dims, Attrs], Operands]
    macs: Callable[[Dims, Attrs], int] = no_macs
    implied: Mapping[str, Callable[[Dims], int]] = field(default_factory=dict)
    """Required dims that may be left out where the first dim of `lists` says as much."""
    lists: tuple[str, ...] = ()  # dims that are lists of integers; `pattern` checks them
    pattern: Callable[[Dims, Attrs], Pattern] | None = None  # of a sparse attention
    refined: Callable[[Schema], Schema] = unrefined  # what its JSON Schema has beyond integer dims

    def dim(self, dims: Dims, name: str) -> int:
        """Return the integer dimension `name` of an op, or its default. Raises `TraceError`."""
        value = dims.get(name)
        if value is None and name in self.implied and any(given in dims for given in self.lists):
            return self.implied[name](dims)
        if value is None:
            value = self.optional.get(name)
        if isinstance(value, int):
            return value
        raise TraceError("is missing" if value is None else "must be an integer", field=f"dims.{name}")

    def product(self, dims: Dims, *names: str) -> int:
        """Return the product of some dimensions."""
        return math.prod(self.dim(dims, name) for name in names)

    def check(self, dims: Dims) -> None:
        """Raise `TraceError` for a dimension that is missing, unknown or out of range."""
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


def integer_schema(dim: str) -> Schema:
    """Return the JSON Schema of an integer dimension."""
    return {"type": "integer", "minimum": 0 if dim in PADS else 1, "maximum": MAX_DIM}

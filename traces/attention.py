"""The kinds ``attention`` and ``window_attention``: dims, MACs and shapes, as `traces.kinds` says."""

from __future__ import annotations

import math

from tandemsim.traces.errors import TraceError
from tandemsim.traces.kind import NO_LIMIT, Kind, Operand, Operands, Schema, integer_schema
from tandemsim.traces.pattern import Attrs, Dims, Pattern, stated_as
from tandemsim.traces.pattern_rules import read_integers

#: Operands of a window attention, in the order of its inputs: three, or all six.
OPERANDS = ("q", "k", "v", "global_q", "global_k", "global_v")

#: The JSON Schema of a pattern's `attrs`.
PATTERN = {
    "bands": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
    "global_tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}, "uniqueItems": True},
}


def _macs(dims: Dims, attrs: Attrs) -> int:
    return 2 * ATTENTION.product(dims, "batch", "heads", "head_dim", "q_len", "kv_len")


def _operands(dims: Dims, attrs: Attrs) -> Operands:
    query, key = (_of_heads(ATTENTION, dims, ATTENTION.dim(dims, name)) for name in ("q_len", "kv_len"))
    return Operands((query, key, key), query)


def _window_macs(dims: Dims, attrs: Attrs) -> int:
    pattern = Pattern.from_statement(dims, attrs)
    try:
        pairs = pattern.pairs()
    except TraceError as error:
        raise stated_as(error) from None
    return 2 * WINDOW_ATTENTION.product(dims, "batch", "heads", "head_dim") * pairs


def _window_operands(dims: Dims, attrs: Attrs) -> Operands:
    every = _of_heads(WINDOW_ATTENTION, dims, WINDOW_ATTENTION.dim(dims, "seq_len"))
    global_query = _of_heads(WINDOW_ATTENTION, dims, len(attrs["global_tokens"]))
    return Operands((every, every, every, global_query, every, every), every)


def _of_heads(kind: Kind, dims: Dims, length: int) -> Operand:
    """Return the operand of shape (batch, heads, `length`, head_dim)."""
    return Operand((kind.dim(dims, "batch"), kind.dim(dims, "heads"), length, kind.dim(dims, "head_dim")))


def _grid_tokens(dims: Dims) -> int:
    """Return the sequence length where the grid holds every token."""
    return math.prod(read_integers(dims, "grid", "[height, width]", 2))


def _with_pattern(rules: Schema) -> Schema:
    """Add the grid, which may stand for `seq_len`, and the attrs of a pattern to a JSON Schema."""
    dims = rules["properties"]["dims"]
    sides = {"type": "array", "items": integer_schema("grid"), "minItems": 2, "maxItems": 2}
    stated = dims | {
        "properties": dims["properties"] | {"grid": sides},
        "required": [name for name in dims["required"] if name != "seq_len"],
        "anyOf": [{"required": ["seq_len"]}, {"required": ["grid"]}],
    }
    attrs = {"properties": PATTERN, "required": list(PATTERN), "additionalProperties": False}
    return rules | {"properties": {"dims": stated, "attrs": attrs}, "required": ["attrs"]}


ATTENTION = Kind(
    name="attention",
    line="softmax(q k^T / sqrt(head_dim)) v over all pairs of query and key",
    required=("heads", "head_dim", "q_len", "kv_len"),
    optional={"batch": 1},
    input_counts=range(3, NO_LIMIT),
    operands=_operands,
    macs=_macs,
)

WINDOW_ATTENTION = Kind(
    name="window_attention",
    line="softmax attention over the pairs of a sparse pattern: bands or a 2-D window, and global tokens",
    required=("heads", "head_dim", "seq_len"),
    optional={"batch": 1},
    input_counts=range(3, 7, 3),
    operands=_window_operands,
    macs=_window_macs,
    implied={"seq_len": _grid_tokens},
    lists=("grid",),
    pattern=Pattern.from_statement,
    refined=_with_pattern,
)

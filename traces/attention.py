"""The kinds ``attention`` and ``window_attention``: dims, attrs, MACs and shapes.

Heads may share keys and values in groups (`kv_heads`), values may have a size of their own (`v_dim`). What
stands behind q, k and v in `inputs` is named by ``attrs.operands``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.kind import NO_LIMIT, Attr, Kind, Operand, Operands, Schema, integer_schema
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_statement import Attrs, Dims, read_integers, stated_as

#: Operands of an attention, in the order of its inputs, and those of a window attention with six inputs.
QKV = ("q", "k", "v")
OPERANDS = (*QKV, "global_q", "global_k", "global_v")

#: The JSON Schema of a pattern's `attrs`.
_INTEGERS = {"type": "array", "items": {"type": "integer"}}
_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "uniqueItems": True}
_ROWS = {"type": "array", "items": _TOKENS}
_BLOCK = {"type": "integer", "minimum": 1}
PATTERN: Schema = {
    "bands": {"type": "array", "items": _INTEGERS},
    "global_tokens": _TOKENS,
    "q_offset": {"type": "integer"},
    "causal": {"type": "boolean"},
    "chunks": {**_INTEGERS, "minItems": 4, "maxItems": 4},
    "sink_tokens": _TOKENS,
    "border": {"enum": ["clamped"]},
    "blocks": {
        "type": "object",
        "properties": {"query": _BLOCK, "key": _BLOCK, "rows": _ROWS},
        "required": ["query", "key", "rows"],
        "additionalProperties": False,
    },
}


def _is_positive_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _operand_names(*names: str) -> Attr:
    def valid(value: object) -> bool:
        if not isinstance(value, (list, tuple)):
            return False
        return all(name in names for name in value) and len(set(value)) == len(value)

    schema = {"type": "array", "items": {"enum": list(names)}, "uniqueItems": True}
    return Attr("operands", f"a list of {', '.join(names)}, each at most once", valid, schema)


_NUMBER = {"type": "number", "exclusiveMinimum": 0}
_SCALE = Attr("scale", "a positive number", _is_positive_number, _NUMBER)
_SOFTCAP = Attr("softcap", "a positive number", _is_positive_number, _NUMBER)
_CAUSAL = Attr("causal", "true or false", lambda value: isinstance(value, bool), {"type": "boolean"})


def _macs(dims: Dims, attrs: Attrs) -> int:
    _check_groups(ATTENTION, dims)
    return _macs_of_pairs(ATTENTION, dims, ATTENTION.product(dims, "q_len", "kv_len"))


def _window_macs(dims: Dims, attrs: Attrs) -> int:
    _check_groups(WINDOW_ATTENTION, dims)
    pattern = Pattern.from_statement(dims, attrs)
    try:
        pairs = pattern.pairs()
    except TraceError as error:
        raise stated_as(error) from None
    return _macs_of_pairs(WINDOW_ATTENTION, dims, pairs)


def _macs_of_pairs(kind: Kind, dims: Dims, pairs: int) -> int:
    """Return the MACs: each pair makes a score of `head_dim` products and adds a value of `v_dim`."""
    sizes = kind.dim(dims, "head_dim") + kind.dim(dims, "v_dim")
    return kind.product(dims, "batch", "heads") * sizes * pairs


def _check_groups(kind: Kind, dims: Dims) -> None:
    heads, kv_heads = kind.dim(dims, "heads"), kind.dim(dims, "kv_heads")
    if heads % kv_heads:
        raise violation("dims.kv_heads", f"must divide the {heads} heads", kv_heads)


def _operands(dims: Dims, attrs: Attrs) -> Operands:
    q_len, kv_len = (ATTENTION.dim(dims, name) for name in ("q_len", "kv_len"))
    return _qkv(ATTENTION, dims, attrs, q_len, kv_len)


def _window_operands(dims: Dims, attrs: Attrs) -> Operands:
    pattern = Pattern.from_statement(dims, attrs)
    plain = _qkv(WINDOW_ATTENTION, dims, attrs, pattern.q_len, pattern.seq_len)
    grown = {"kv_heads", "v_dim"} & set(dims) or {"scale", "softcap", "operands"} & set(attrs)
    if pattern.is_extended or grown:
        return plain if "operands" in attrs else plain._replace(counts=range(3, 4))
    every = plain.output
    global_query = _of_heads(WINDOW_ATTENTION, dims, "heads", len(pattern.global_tokens), "head_dim")
    return Operands((*plain.inputs, global_query, every, every), every)


def _qkv(kind: Kind, dims: Dims, attrs: Attrs, q_len: int, kv_len: int) -> Operands:
    """Return q, k, v, and what ``attrs.operands`` names behind them."""
    query = _of_heads(kind, dims, "heads", q_len, "head_dim")
    key = _of_heads(kind, dims, "kv_heads", kv_len, "head_dim")
    value = _of_heads(kind, dims, "kv_heads", kv_len, "v_dim")
    output = _of_heads(kind, dims, "heads", q_len, "v_dim")
    if "operands" not in attrs:
        return Operands((query, key, value), output)
    heads = kind.dim(dims, "heads")
    scores = Operand(broadcast=(kind.dim(dims, "batch"), heads, q_len, kv_len))
    named = [Operand(elements=(heads,)) if name == "sinks" else scores for name in attrs["operands"]]
    inputs = (query, key, value, *named)
    return Operands(inputs, output, range(len(inputs), len(inputs) + 1))


def _of_heads(kind: Kind, dims: Dims, heads: str, length: int, size: str) -> Operand:
    """Return the operand of shape (batch, `heads`, `length`, `size`)."""
    return Operand((kind.dim(dims, "batch"), kind.dim(dims, heads), length, kind.dim(dims, size)))


def _place(attrs: Attrs, name: str, inputs: int) -> int | None:
    """Return which of a dense attention's `inputs` is its "mask", "bias" or "sinks", None if it has none.

    Without ``attrs.operands``, what stands behind q, k and v are masks.
    """
    unnamed = ("mask",) if inputs > len(QKV) and "operands" not in attrs else ()
    return _window_place({"operands": unnamed, **attrs}, name, inputs)


def _window_place(attrs: Attrs, name: str, inputs: int) -> int | None:
    """Return which of a window attention's `inputs` is its "bias" or "sinks", None if it has none.

    Without ``attrs.operands``, six inputs are the projections of the global tokens, and none is a mask.
    """
    names: Sequence[str] = attrs.get("operands", ())
    return len(QKV) + list(names).index(name) if name in names else None


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
    own = rules["properties"]["attrs"]["properties"]
    required = ["bands", "global_tokens"]
    attrs = {"properties": PATTERN | own, "required": required, "additionalProperties": False}
    return rules | {"properties": {"dims": stated, "attrs": attrs}, "required": ["attrs"]}


ATTENTION = Kind(
    name="attention",
    line="softmax(q k^T / sqrt(head_dim)) v over all pairs of query and key",
    required=("heads", "head_dim", "q_len", "kv_len"),
    optional={"batch": 1, "kv_heads": "heads", "v_dim": "head_dim"},
    inputs=(
        "q (batch, heads, q_len, head_dim), k (batch, kv_heads, kv_len, head_dim), v (batch, kv_heads,"
        " kv_len, v_dim), then masks, or what `operands` names"
    ),
    counted="batch·heads·(head_dim + v_dim)·q_len·kv_len, masked or not",
    attrs=(_CAUSAL, _SCALE, _SOFTCAP, _operand_names("mask", "bias", "sinks")),
    input_counts=range(3, NO_LIMIT),
    operands=_operands,
    place=_place,
    macs=_macs,
)

WINDOW_ATTENTION = Kind(
    name="window_attention",
    line="softmax attention over the pairs of a sparse pattern: bands, a 2-D window or blocks",
    required=("heads", "head_dim", "seq_len"),
    optional={"batch": 1, "kv_heads": "heads", "v_dim": "head_dim", "q_len": "seq_len"},
    inputs=(
        "q (batch, heads, q_len, head_dim), k (batch, kv_heads, seq_len, head_dim), v (batch, kv_heads,"
        " seq_len, v_dim), then what `operands` names; or six, see below"
    ),
    counted="batch·heads·(head_dim + v_dim)·pairs",
    attrs=(_SCALE, _SOFTCAP, _operand_names("bias", "sinks")),
    input_counts=range(3, 7, 3),
    operands=_window_operands,
    place=_window_place,
    macs=_window_macs,
    implied={"seq_len": _grid_tokens},
    lists=("grid",),
    pattern=Pattern.from_statement,
    refined=_with_pattern,
)

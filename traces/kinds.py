"""The kinds of op: which `dims` each states, and the MACs that follow from them.

The operands stand in this order in `inputs`, with these shapes:

* ``gemm``: a (batch·m·k elements), b (k·n or batch·k·n elements), then what is added. Output batch·m·n
  elements. MACs = batch·m·n·k.
* ``conv2d``: image (batch, in_channels, height, width), weight (out_channels, in_channels / groups, kernel_h,
  kernel_w), then the bias. Output (batch, out_channels, out_h, out_w), where
  out = (size + pads - dilation·(kernel - 1) - 1) // stride + 1.
  MACs = output elements · in_channels / groups · kernel_h · kernel_w.
* ``attention``: q (batch, heads, q_len, head_dim), k and v (batch, heads, kv_len, head_dim), then masks.
  Output like q. MACs = 2·batch·heads·head_dim·q_len·kv_len, masked or not.
* ``window_attention``: q, k, v (batch, heads, seq_len, head_dim) and, where the model projects its global
  tokens apart, global_q (batch, heads, number of global tokens, head_dim), global_k and global_v (like k).
  Output like q. The pattern is in ``dims.grid``, ``attrs.bands`` and ``attrs.global_tokens``, see
  `traces.pattern`. MACs = 2·batch·heads·head_dim·(distinct pairs). ``seq_len`` may be left out when the grid
  holds every token.
* all others: ``elements`` of the first output, and ``reduced``, how many input elements meet in one of them
  (the length of a softmax or a sum, the area of a pooling window, the candidates of a topk). No MACs.

A dimension is a positive integer, a pad a non-negative one. Those with a default may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tandemsim.traces.errors import TraceError, nearest, violation
from tandemsim.traces.pattern import Pattern, stated_as
from tandemsim.traces.pattern_rules import read_integers

Dims = Mapping[str, int | tuple[int, ...]]
Attrs = Mapping[str, Any]

MAX_DIM = 2**31 - 1  # assumed: what an int32 index holds
MAX_MACS = 2**63 - 1  # what an int64 counter holds
NO_LIMIT = 2**31  # of the number of inputs
PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")


class Kind(NamedTuple):
    """What an op of one kind states."""

    required: tuple[str, ...]
    optional: Mapping[str, int]  # with defaults
    input_counts: range
    macs: Callable[[Dims, Attrs], int]


def macs(kind: str, dims: Dims, attrs: Attrs) -> int:
    """Return the useful multiply-accumulates that an op of these dims does.

    Raises `TraceError` for an unknown kind, and for dims or a pattern that break a rule.
    """
    if kind not in KINDS:
        raise TraceError(f"{kind!r} is unknown; {nearest(kind, KINDS)}", field="kind")
    check_dims(kind, dims)
    count = KINDS[kind].macs(dims, attrs)
    if count > MAX_MACS:
        raise violation("dims", "must stay below 2**63 multiply-accumulates", count)
    return count


def dim(kind: str, dims: Dims, name: str) -> int:
    """Return the integer dimension `name` of an op, or its kind's default."""
    value = dims.get(name)
    if value is None and name == "seq_len" and "grid" in dims:
        return math.prod(read_integers(dims, "grid", "[height, width]", 2))
    if value is None:
        value = KINDS[kind].optional.get(name)
    if isinstance(value, int):
        return value
    raise TraceError("is missing" if value is None else "must be an integer", field=f"dims.{name}")


def check_dims(kind: str, dims: Dims) -> None:
    """Raise `TraceError` for a dimension that is missing, unknown or out of range."""
    facts = KINDS[kind]
    for name in facts.required:
        dim(kind, dims, name)
    for name, value in dims.items():
        if name == "grid" and kind == "window_attention":
            continue  # the pattern checks it
        if name not in facts.required and name not in facts.optional:
            hint = nearest(name, [*facts.required, *facts.optional])
            raise TraceError(f"is not a dimension of {kind}; {hint}", field=f"dims.{name}")
        least, rule = (0, "a non-negative") if name in PADS else (1, "a positive")
        if not isinstance(value, int) or not least <= value <= MAX_DIM:
            raise violation(f"dims.{name}", f"must be {rule} integer below 2**31", value)


def conv_output(dims: Dims) -> tuple[int, int]:
    """Return (out_h, out_w) of a ``conv2d``. Raises `TraceError` for a kernel wider than the padded image."""
    return (
        _output_size(dims, "height", "h", ("pad_top", "pad_bottom")),
        _output_size(dims, "width", "w", ("pad_left", "pad_right")),
    )


def _output_size(dims: Dims, side: str, axis: str, pads: tuple[str, str]) -> int:
    size, kernel, stride, dilation, before, after = (
        dim("conv2d", dims, name)
        for name in (side, f"kernel_{axis}", f"stride_{axis}", f"dilation_{axis}", *pads)
    )
    padded, extent = size + before + after, dilation * (kernel - 1) + 1
    if extent > padded:
        raise violation(f"dims.kernel_{axis}", f"must span at most the padded {side} of {padded}", extent)
    return (padded - extent) // stride + 1


def _gemm_macs(dims: Dims, attrs: Attrs) -> int:
    return _product("gemm", dims, "batch", "m", "n", "k")


def _conv2d_macs(dims: Dims, attrs: Attrs) -> int:
    groups = dim("conv2d", dims, "groups")
    for name in ("in_channels", "out_channels"):
        if dim("conv2d", dims, name) % groups:
            raise violation(f"dims.{name}", f"must be a multiple of the {groups} groups", dims[name])
    channels = _product("conv2d", dims, "batch", "in_channels", "out_channels") // groups
    return channels * math.prod(conv_output(dims)) * _product("conv2d", dims, "kernel_h", "kernel_w")


def _attention_macs(dims: Dims, attrs: Attrs) -> int:
    return 2 * _product("attention", dims, "batch", "heads", "head_dim", "q_len", "kv_len")


def _window_macs(dims: Dims, attrs: Attrs) -> int:
    pattern = Pattern.from_statement(dims, attrs)
    try:
        pairs = pattern.pairs()
    except TraceError as error:
        raise stated_as(error) from None
    return 2 * _product("window_attention", dims, "batch", "heads", "head_dim") * pairs


def _no_macs(dims: Dims, attrs: Attrs) -> int:
    return 0


def _product(kind: str, dims: Dims, *names: str) -> int:
    return math.prod(dim(kind, dims, name) for name in names)


_HEADS = ("heads", "head_dim")
_CONV_DIMS = ("batch", "in_channels", "out_channels", "height", "width", "kernel_h", "kernel_w")
_CONV_DEFAULTS = dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "groups"), 1)
_PER_ELEMENT = Kind(("elements",), {"reduced": 1}, range(1, NO_LIMIT), _no_macs)

KINDS: Mapping[str, Kind] = {
    "gemm": Kind(("m", "n", "k"), {"batch": 1}, range(2, NO_LIMIT), _gemm_macs),
    "conv2d": Kind(_CONV_DIMS, _CONV_DEFAULTS | dict.fromkeys(PADS, 0), range(2, NO_LIMIT), _conv2d_macs),
    "window_attention": Kind((*_HEADS, "seq_len"), {"batch": 1}, range(3, 7, 3), _window_macs),
    "attention": Kind((*_HEADS, "q_len", "kv_len"), {"batch": 1}, range(3, NO_LIMIT), _attention_macs),
    **dict.fromkeys(("softmax", "norm", "eltwise", "act", "pool"), _PER_ELEMENT),
    **dict.fromkeys(("gather", "scatter", "reduce", "topk", "quantize"), _PER_ELEMENT),
}

"""The kinds of op: which `dims` each states, and the MACs and shapes that follow from them.

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
  tokens separately, global_q (batch, heads, number of global tokens, head_dim), global_k and global_v (like
  k). Output like q. The pattern is in ``dims.grid``, ``attrs.bands`` and ``attrs.global_tokens``, see
  `traces.pattern`. MACs = 2·batch·heads·head_dim·(distinct pairs). ``seq_len`` may be left out when the grid
  holds every token.
* all others: ``elements`` of the first output, and ``reduced``, how many input elements make one of them
  (the length of a softmax or a sum, the area of a pooling window, the candidates of a topk). No MACs.

A dimension is a positive integer, a pad a non-negative one. Those with a default may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.attention import ATTENTION, WINDOW_ATTENTION
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.kind import NO_LIMIT, Kind, Operand, Operands
from tandemsim.traces.linear import CONV2D, GEMM
from tandemsim.traces.pattern_statement import Attrs, Dims

MAX_MACS = 2**63 - 1  # what an int64 counter holds


def macs(kind: str, dims: Dims, attrs: Attrs) -> int:
    """Return the useful multiply-accumulates that an op of these dims does.

    Raises `TraceError` for an unknown kind, and for dims or a pattern that break a rule.
    """
    if kind not in KINDS:
        raise TraceError(f"{kind!r} is unknown; {hint(kind, KINDS)}", field="kind")
    KINDS[kind].check(dims, attrs)
    count = KINDS[kind].macs(dims, attrs)
    if count > MAX_MACS:
        raise violation("dims", "must stay below 2**63 multiply-accumulates", count)
    return count


def _per_element(name: str, line: str) -> Kind:
    """Return a kind without MACs, whose work is the same for each element of its output."""
    return Kind(
        name=name,
        line=line,
        required=("elements",),
        optional={"reduced": 1},
        input_counts=range(1, NO_LIMIT),
        operands=_output_elements,
    )


def _output_elements(dims: Dims, attrs: Attrs) -> Operands:
    elements = dims["elements"]
    assert isinstance(elements, int)  # checked before
    return Operands((), Operand(elements=(elements,)))


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        GEMM,
        CONV2D,
        WINDOW_ATTENTION,
        ATTENTION,
        _per_element("softmax", "softmax along one dimension"),
        _per_element("norm", "layer, batch, group or RMS normalization"),
        _per_element("eltwise", "arithmetic, comparisons, copies and casts, element by element"),
        _per_element("act", "activation functions such as ReLU, GELU and sigmoid"),
        _per_element("pool", "maximum or average of a window of an image"),
        _per_element("gather", "reads at the places that an index names, such as an embedding"),
        _per_element("scatter", "writes to the places that an index names, or to a part of a tensor"),
        _per_element("reduce", "sums, means and extremes along dimensions"),
        _per_element("topk", "the largest elements along a dimension, or all of them sorted"),
        _per_element("quantize", "conversion to a narrower number format, or back"),
    )
}

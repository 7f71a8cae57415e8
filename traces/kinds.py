"""The kinds of op: which `dims` each states, and the MACs and shapes that follow from them.

A kind is one row: `traces.kind.Kind`. Checks, the JSON Schema, the summary and the table of `docs/traces.md`
follow from it. The rows of attention, convolution and linear algebra are in `traces.attention`,
`traces.convolution` and `traces.linear`. A dimension is a positive integer, a pad a non-negative one; a
dimension with a default may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.attention import ATTENTION, WINDOW_ATTENTION
from tandemsim.traces.convolution import CONVOLUTIONS
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.kind import NO_LIMIT, Kind, Operand, Operands
from tandemsim.traces.linear import LINEAR
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
        inputs="at least one",
        input_counts=range(1, NO_LIMIT),
        operands=_output_elements,
    )


def _output_elements(dims: Dims, attrs: Attrs) -> Operands:
    elements = dims["elements"]
    assert isinstance(elements, int)  # checked before
    return Operands((), Operand(elements=(elements,)))


def _cache_operands(dims: Dims, attrs: Attrs) -> Operands:
    """The cache grows by the new elements, or has a fixed length of which they replace some."""
    new, length = (CACHE_APPEND.dim(dims, name) for name in ("elements", "length"))
    if new > length:
        raise violation("dims.elements", f"must be at most the {length} of dims.length", new)
    cache = Operand(elements=(length - new, length))
    return Operands((cache, Operand(elements=(new,))), Operand(elements=(length,)))


CACHE_APPEND = Kind(
    name="cache_append",
    line="new keys or values that join a cache: they alone are written, the cache stays where it is",
    required=("elements", "length"),
    inputs="cache of length elements, or of as many without the new ones; new of elements",
    input_counts=range(2, NO_LIMIT),
    operands=_cache_operands,
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        *LINEAR,
        *CONVOLUTIONS,
        WINDOW_ATTENTION,
        ATTENTION,
        CACHE_APPEND,
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

"""The attention operators that onnxruntime's optimizer writes, and its experts."""

from __future__ import annotations

import numpy as np

from tandemsim.workloads.onnx.attention import PADDED, with_cache, without_scores
from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.heads import Scores, attend, joined_heads, split_heads
from tandemsim.workloads.onnx.key_masks import key_mask
from tandemsim.workloads.onnx.matrix import product
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.places import Places
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, refused, rule
from tandemsim.workloads.onnx.values import Value

refused(
    "packs texts of lengths that its values say, and a trace knows only shapes",
    "PackedAttention PackedMultiHeadAttention RemovePadding RestorePadding",
    domain=MICROSOFT,
)
refused(
    "attends to the tokens that its values name, and a trace knows only shapes",
    "LongformerAttention SparseAttention",
    domain=MICROSOFT,
)
refused(
    "runs a whole search over a decoder, and a trace is of one pass",
    "BeamSearch GreedySearch Sampling WhisperBeamSearch",
    domain=MICROSOFT,
)


@rule("Attention", domain=MICROSOFT)
def _attention(node: Node, recorder: Recorder) -> list[Value]:
    """Projections of input (batch, tokens, width) by one matrix, then attention."""
    value, weight, heads = node.input(0), node.input(1), node.attr("num_heads", 1)
    made = product(node, recorder, value, weight, node.given(2))
    widths = node.attr("qkv_hidden_sizes", [weight.shape[1] // 3] * 3)
    ends = np.cumsum(widths)
    q, k, v = (
        split_heads(recorder, made.shown_as(made.layout[:, :, end - width : end]), heads)
        for width, end in zip(widths, ends, strict=True)
    )
    past = _own_cache(node, node.optional(4))
    if past is not None and past.elements:
        caches = (past.shown_as(past.layout[part]) for part in (0, 1))
        k, v = (with_cache(recorder, cache, new) for cache, new in zip(caches, (k, v), strict=True))
    scores = _scores(node, recorder, q, k, 3)
    result = joined_heads(recorder, attend(recorder, q, k, v, scores))
    return [result, _present(recorder, k, v)] if node.wants(1) else [result]


def _scores(node: Node, recorder: Recorder, q: Value, k: Value, mask: int) -> Scores:
    """Return scale, mask (the input of this position) and bias; `q` and `k` are (batch, heads, ...)."""
    batch, queries, keys = q.shape[0], q.shape[2], k.shape[2]
    scores = Scores(scale=node.attr("scale", 0.0) or None)
    scores.masks = [*key_mask(node, recorder, mask, batch, queries, keys), *node.given(5)]
    if node.attr("unidirectional", 0):
        scores.places = Places(keys - queries, right=0)
    return scores


def _own_cache(node: Node, past: Value | None) -> Value | None:
    """Return a cache before the new keys; one that has room for them holds as many as a value says."""
    if past is not None and node.attr("past_present_share_buffer", 0):
        raise node.error("its cache must hold the past alone, without past_present_share_buffer")
    return past


def _present(recorder: Recorder, k: Value, v: Value) -> Value:
    """Return keys and values as one tensor."""
    return recorder.per_element("eltwise", "stack", [k, v], Result((2, *k.shape), k.dtype))


@rule("MultiHeadAttention", domain=MICROSOFT)
def _multi_head(node: Node, recorder: Recorder) -> list[Value]:
    """Queries are (batch, tokens, width), keys and values too; or packed, or of 4 axes."""
    heads = node.attr("num_heads", 1)
    without_scores(node)
    parts = _operands(node, recorder, heads)
    q, k, v = (_biased(node, recorder, value, which, heads, parts) for which, value in enumerate(parts))
    _own_cache(node, node.optional(6))
    if node.has(6) and node.has(7):
        k, v = (with_cache(recorder, node.input(at), new) for at, new in ((6, k), (7, v)))
    scores = _scores(node, recorder, q, k, 4)
    return [joined_heads(recorder, attend(recorder, q, k, v, scores)), k, v]


def _operands(node: Node, recorder: Recorder, heads: int) -> list[Value]:
    """Return q, k and v as (batch, heads, tokens, size)."""
    query = node.input(0)
    if len(query.shape) == 5:  # (batch, tokens, heads, 3, size)
        return [query.shown_as(query.layout[:, :, :, part]).transposed((0, 2, 1, 3)) for part in range(3)]
    q = split_heads(recorder, query, heads)
    key = node.input(1)
    if len(key.shape) == 5:
        packed = (key.shown_as(key.layout[:, :, :, part]).transposed((0, 2, 1, 3)) for part in range(2))
        return [q, *packed]
    rest = (node.input(1), node.input(2))
    return [q, *(split_heads(recorder, value, heads) if len(value.shape) == 3 else value for value in rest)]


def _biased(
    node: Node, recorder: Recorder, value: Value, which: int, heads: int, parts: list[Value]
) -> Value:
    """Add to one operand its part of the bias."""
    if not node.has(3):
        return value
    widths = [heads * part.shape[3] for part in parts]
    first = sum(widths[:which])
    bias = node.input(3).shown_as(node.input(3).layout[first : first + widths[which]])
    return recorder.per_element("eltwise", "add", [value, bias], Result(value.shape, value.dtype))


@rule("GroupQueryAttention", domain=MICROSOFT)
def _group_query(node: Node, recorder: Recorder) -> list[Value]:
    """Causal attention with fewer heads of keys, a cache, a window and rotary positions.

    A window of W is W keys, the query's own among them, as onnxruntime counts them today.
    """
    without_scores(node)
    heads, kv_heads = node.attr("num_heads", 1), node.attr("kv_num_heads", 1)
    query = node.input(0)
    if node.has(1):
        flat = [query, node.input(1), node.input(2)]
    else:  # side by side in one tensor
        size = query.shape[2] // (heads + 2 * kv_heads)
        ends = [heads * size, (heads + kv_heads) * size]
        flat = [query.shown_as(part) for part in np.split(query.layout, ends, axis=2)]
    q, k, v = (split_heads(recorder, x, n) for x, n in zip(flat, (heads, kv_heads, kv_heads), strict=True))
    if node.attr("sliding_window_cache", 0):
        raise node.error("its cache must hold all tokens, without sliding_window_cache")
    if node.has(14) and node.has(15):
        q, k = (
            recorder.per_element("norm", "norm", [x, node.input(at)], Result(x.shape, x.dtype), x.shape[3])
            for x, at in ((q, 14), (k, 15))
        )
    if node.attr("do_rotary", 0):
        tables = node.given(7, 8)
        q, k = (
            recorder.per_element("eltwise", "rotary", [x, *tables], Result(x.shape, x.dtype)) for x in (q, k)
        )
    if node.has(3) and node.has(4):
        k, v = (with_cache(recorder, node.input(at), new) for at, new in ((3, k), (4, v)))
    scores = Scores(scale=node.attr("scale", 0.0) or None, softcap=node.attr("softcap", 0.0) or None)
    lengths = node.optional(5)  # of each text, the new tokens among them, less one
    filled = lengths.constant.array() if lengths is not None and lengths.constant else None
    if filled is None or (filled != k.shape[2] - 1).any():
        recorder.note(PADDED)
    scores.masks += node.given(10)
    scores.sinks = node.optional(11)
    if scores.sinks is None and node.attr("smooth_softmax", 0) > 0:
        scores.sinks = known(np.zeros(heads), q.dtype, "smooth_softmax")  # one more in the denominator
    window = node.attr("local_window_size", -1)
    left = window - 1 if window > 0 else None
    scores.places = Places(k.shape[2] - q.shape[2], left, 0 if node.attr("causal", 1) else None)
    return [joined_heads(recorder, attend(recorder, q, k, v, scores)), k, v]


@rule("MoE", domain=MICROSOFT)
def _experts(node: Node, recorder: Recorder) -> list[Value]:
    """Each row goes to its `k` best experts: a topk of the router's numbers, two products, a weighted sum.

    The third matrix of gated experts, where it is given, is a product of its own.
    """
    value, router = node.input(0), node.input(1)
    best, width = node.attr("k", 1), value.shape[-1]
    rows = value.elements // width
    groups = router.shape[-1]
    chosen = [Result((rows, best), router.dtype), Result((rows, best), "int64")]
    dims: dict[str, int | tuple[int, ...]] = {"elements": rows * best, "reduced": groups}
    shares, places = recorder.op("topk", "topk", dims, [router], chosen, {"function": "topk"})
    sent = recorder.per_element(
        "gather", "gather", [value, places], Result((rows * best, width), value.dtype)
    )
    first, second = node.input(2), node.input(4)
    hidden = _grouped(recorder, sent, first, node.given(3), groups, best * rows)
    inner = second.elements // groups // width
    activation = node.attr("activation_type", "relu")
    shape = Result((best * rows, inner), value.dtype)
    if node.has(6):
        beside = _grouped(recorder, sent, node.input(6), node.given(7), groups, best * rows)
        hidden = recorder.per_element("act", activation, [hidden], Result(hidden.shape, hidden.dtype))
        hidden = recorder.per_element("eltwise", "mul", [hidden, beside], shape)
    else:
        hidden = recorder.per_element("act", activation, [hidden], shape)
    back = _grouped(recorder, hidden, second, node.given(5), groups, best * rows)
    made = Result(value.shape, value.dtype)
    return [recorder.per_element("reduce", "weighted_sum", [back, shares], made, best)]


def _grouped(
    recorder: Recorder, value: Value, weight: Value, bias: list[Value], groups: int, rows: int
) -> Value:
    """Record a product of rows with the matrix of the expert that each is sent to."""
    k = value.shape[-1]
    n = weight.elements // groups // k
    dims: dict[str, int | tuple[int, ...]] = {"m": rows, "n": n, "k": k, "groups": groups}
    made = Result((rows, n), value.dtype)
    return recorder.op("grouped_gemm", "grouped_matmul", dims, [value, weight, *bias], [made])[0]

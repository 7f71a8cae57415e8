"""Attention as ONNX itself has it since opset 23, and rotary embeddings."""

from __future__ import annotations

from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.heads import Scores, attend, joined_heads, split_heads
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Value

OFFSET = 24  # the opset since which `is_causal` counts the queries after those of the cache


@rule("Attention")
def _attention(node: Node, recorder: Recorder) -> list[Value]:
    """Operands have 4 axes, or 3 with the heads side by side; a cache stands before the keys."""
    q, k, v = (node.input(position) for position in range(3))
    flat = len(q.shape) == 3
    if flat:
        heads, kv_heads = node.attr("q_num_heads", 0), node.attr("kv_num_heads", 0)
        if not heads or not kv_heads:
            raise node.error("operands of 3 axes must come with q_num_heads and kv_num_heads")
        q, k, v = (split_heads(recorder, x, n) for x, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    past = node.optional(4)
    if past is not None:
        k, v = (with_cache(recorder, cache, new) for cache, new in ((past, k), (node.input(5), v)))
    scores = Scores(scale=node.attr("scale", 0.0) or None, softcap=node.attr("softcap", 0.0) or None)
    if node.has(3):
        scores.masks.append(node.input(3))
    if node.attr("is_causal", 0):
        before = past.shape[2] if past is not None and node.opset >= OFFSET else 0
        causal(scores, q.shape[2], k.shape[2], before)
    made = attend(recorder, q, k, v, scores)
    if node.wants(3):
        raise node.error("its scores must not be a result, as the op of a trace does not give them")
    return [joined_heads(recorder, made) if flat else made, k, v]


def causal(scores: Scores, q_len: int, kv_len: int, before: int, window: int = 0) -> None:
    """Deny the keys after each query, which stands behind `before` others, and those beyond a window."""
    if q_len == kv_len and not before and not window:
        scores.causal = True
        return
    if scores.masks:
        scores.causal = True  # beside a mask of values that nobody knows, a pattern is not all
        return
    scores.pattern = Pattern.causal_window(kv_len, window or kv_len, q_len=q_len, q_offset=before)


def with_cache(recorder: Recorder, cache: Value, new: Value) -> Value:
    """Return keys or values behind those of a cache, (batch, heads, tokens, size)."""
    if not cache.elements:
        return new
    made = Result((*new.shape[:2], cache.shape[2] + new.shape[2], new.shape[3]), new.dtype)
    dims: Dims = {"elements": new.elements, "length": Value(*made).elements}
    return recorder.op("cache_append", "cache_append", dims, [cache, new], [made])[0]


@rule("RotaryEmbedding")
@rule("RotaryEmbedding", domain=MICROSOFT)
def _rotary(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    return [recorder.per_element("eltwise", "rotary", node.operands, Result(value.shape, value.dtype))]

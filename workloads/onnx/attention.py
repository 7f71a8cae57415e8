"""Attention as ONNX itself has it since opset 23, and rotary embeddings."""

from __future__ import annotations

import numpy as np

from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.heads import Scores, attend, joined_heads, split_heads
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.places import Places
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Array, Value

SHORTER = 24  # the opset since which a mask may have fewer keys; before, one key stands for all

#: What is noted of lengths that are not looked at: `nonpad_kv_seqlen`, `seqlens_k`, a mask of one axis.
PADDED = "the lengths of texts that an input gives are not modeled: all texts count as filling their tensors"


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
    past, before = node.optional(4), 0
    if past is not None:
        k, v = (with_cache(recorder, cache, new) for cache, new in ((past, k), (node.input(5), v)))
        before = past.shape[2]
    scores = Scores(scale=node.attr("scale", 0.0) or None, softcap=node.attr("softcap", 0.0) or None)
    if node.has(3):
        scores.masks.append(_padded(node, recorder, node.input(3), k.shape[2]))
    left, right = (node.attr(f"{side}_window_size", -1) for side in ("left", "right"))
    right = 0 if node.attr("is_causal", 0) else right
    scores.places = Places(before, None if left < 0 else left, None if right < 0 else right)
    if node.has(6):
        _filled(node, recorder, scores, q.shape[2], k.shape[2])
    without_scores(node)
    made = attend(recorder, q, k, v, scores)
    return [joined_heads(recorder, made) if flat else made, k, v]


def without_scores(node: Node) -> None:
    """Raise `ConfigError` for an attention whose scores, its result 3, are asked for."""
    if node.wants(3):
        raise node.error("its scores must not be a result, as the op of a trace does not give them")


def _padded(node: Node, recorder: Recorder, mask: Value, kv_len: int) -> Value:
    """Return a mask for all keys: one for fewer says nothing of the last ones, which are denied."""
    missing = kv_len - mask.shape[-1] if mask.shape else 0
    if missing <= 0 or (node.opset < SHORTER and mask.shape[-1] == 1):
        return mask
    sides = [*((0, 0) for _ in mask.shape[1:]), (0, missing)]
    denied = False if mask.dtype == "bool" else -np.inf

    def padded(array: Array) -> Array:
        return np.pad(array, sides, constant_values=denied)

    result = Result((*mask.shape[:-1], kv_len), mask.dtype)
    return recorder.derived("pad", mask, result, padded, mask.constant)


def _filled(node: Node, recorder: Recorder, scores: Scores, q_len: int, kv_len: int) -> None:
    """Deny the keys behind the end of each text; its queries are the last ones of what is filled."""
    if node.has(4):
        raise node.error("nonpad_kv_seqlen must come without past_key")
    lengths = node.input(6).constant
    filled = None if lengths is None else lengths.array()
    if filled is None:
        recorder.note(PADDED)
        scores.places = scores.places._replace(before=kv_len - q_len)
        return
    texts = [
        scores.places._replace(before=int(end) - q_len).mask(q_len, kv_len) & (np.arange(kv_len) < end)
        for end in filled.ravel()
    ]
    scores.masks.append(known(np.stack(texts)[:, None], "bool", "filled"))
    scores.places = Places()


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

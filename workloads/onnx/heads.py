"""Records an attention: dims, patterns and operands from queries, keys and values of any rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.masks import allowed_pairs, is_causal, pattern_of
from tandemsim.workloads.onnx.node import Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import Value, contiguous


@dataclass
class Scores:
    """What happens to the scores between the two products."""

    scale: float | None = None  # None: 1 / sqrt(head_dim)
    softcap: float | None = None
    causal: bool = False  # every key after the query is denied, both counted from the start
    pattern: Pattern | None = None
    masks: list[tuple[Value, bool]] = field(default_factory=list)  # mask, and whether false means allowed
    sinks: Value | None = None


def attend(recorder: Recorder, q: Value, k: Value, v: Value, scores: Scores) -> Value:
    """Record an attention of q (batch, heads, q_len, head_dim), k and v (batch, kv_heads, kv_len, ...).

    Return (batch, heads, q_len, v_dim), whose heads of one token lie side by side. A mask whose values are
    known becomes a pattern; what is left of the masks stays an operand.
    """
    batch, heads, q_len, head_dim = q.shape
    kv_heads, kv_len, v_dim = k.shape[1], k.shape[2], v.shape[3]
    attrs = _attrs(scores, head_dim)
    left = _read_masks(scores, q_len, kv_len)
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim}
    dims |= {"kv_heads": kv_heads} if kv_heads != heads else {}
    dims |= {"v_dim": v_dim} if v_dim != head_dim else {}
    operands = [(_operand_name(value), value) for value, _ in left]
    if scores.pattern is not None and not operands:
        kind = "window_attention"
        dims |= {"seq_len": scores.pattern.seq_len}
        dims |= {"q_len": q_len} if q_len != kv_len else {}
        attrs |= scores.pattern.attrs()
    else:
        kind = "attention"
        dims |= {"q_len": q_len, "kv_len": kv_len}
        attrs |= {"causal": True} if scores.causal else {}
    if scores.sinks is not None:
        operands.append(("sinks", scores.sinks))
    if any(name != "mask" for name, _ in operands):
        attrs["operands"] = [name for name, _ in operands]
    made = Result((batch, heads, q_len, v_dim), v.dtype)
    inputs = [q, k, v, *(value for _, value in operands)]
    (value,) = recorder.op(kind, kind, dims, inputs, [made], attrs)
    value.strided = contiguous((batch, q_len, heads, v_dim)).transpose(0, 2, 1, 3)
    return value


def split_heads(recorder: Recorder, value: Value, heads: int) -> Value:
    """Return (batch, tokens, heads · size) as (batch, heads, tokens, size)."""
    batch, tokens, width = value.shape
    return recorder.reshape(value, (batch, tokens, heads, width // heads)).transposed((0, 2, 1, 3))


def joined_heads(recorder: Recorder, value: Value) -> Value:
    """Return (batch, heads, tokens, size) as (batch, tokens, heads · size)."""
    batch, heads, tokens, size = value.shape
    return recorder.reshape(value.transposed((0, 2, 1, 3)), (batch, tokens, heads * size))


def _attrs(scores: Scores, head_dim: int) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    if scores.scale is not None and not math.isclose(scores.scale, head_dim**-0.5, rel_tol=1e-5):
        attrs["scale"] = scores.scale
    if scores.softcap:
        attrs["softcap"] = scores.softcap
    return attrs


def _read_masks(scores: Scores, q_len: int, kv_len: int) -> Sequence[tuple[Value, bool]]:
    """Turn the masks into a pattern if all of them are known; return those that stay operands."""
    if not scores.masks or scores.causal or scores.pattern is not None:
        return scores.masks
    allowed = np.ones((q_len, kv_len), np.bool_)
    for value, inverted in scores.masks:
        array = value.constant.array() if value.constant else None
        pairs = None if array is None else allowed_pairs(~array if inverted else array)
        if pairs is None:
            return scores.masks
        allowed = allowed & pairs
    if allowed.all():
        return []
    if is_causal(allowed):
        scores.causal = True
        return []
    scores.pattern = pattern_of(allowed)
    return [] if scores.pattern is not None else scores.masks


def _operand_name(value: Value) -> str:
    """Return what a mask is: of booleans a mask, of numbers a bias."""
    return "mask" if value.dtype == "bool" else "bias"

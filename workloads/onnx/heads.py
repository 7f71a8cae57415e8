"""Records an attention: dims, patterns and operands from queries, keys and values of any rank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.known_masks import NO_PATTERN, TOO_LARGE, allowed_pairs
from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.mask_patterns import Mask, Whole, pattern_of_mask
from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.node import Result
from tandemsim.workloads.onnx.places import EVERYWHERE, Places
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import Value, contiguous, steps


@dataclass
class Scores:
    """What happens to the scores between the two products."""

    scale: float | None = None  # None: 1 / sqrt(head_dim)
    softcap: float | None = None
    places: Places = EVERYWHERE
    masks: list[Value] = field(default_factory=list)  # of booleans, true where a pair is allowed; or added
    sinks: Value | None = None


def attend(recorder: Recorder, q: Value, k: Value, v: Value, scores: Scores) -> Value:
    """Record an attention of q (batch, heads, q_len, head_dim), k and v (batch, kv_heads, kv_len, ...).

    Return (batch, heads, q_len, v_dim), whose heads of one token lie side by side. What is seen by its place
    and by masks whose values are known becomes a pattern; what is left of the masks stays an operand.
    """
    batch, heads, q_len, head_dim = q.shape
    k, v = _grouped(k, v)
    kv_heads, kv_len, v_dim = k.shape[1], k.shape[2], v.shape[3]
    seen, left = _read(recorder, scores, q_len, kv_len)
    attrs = _attrs(scores, head_dim)
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim}
    dims |= {"kv_heads": kv_heads} if kv_heads != heads else {}
    dims |= {"v_dim": v_dim} if v_dim != head_dim else {}
    if isinstance(seen, Pattern):
        kind = "window_attention"
        dims |= seen.dims()
        attrs |= seen.attrs()
    else:
        kind = "attention"
        dims |= {"q_len": q_len, "kv_len": kv_len}
        attrs |= {"causal": True} if seen is Whole.CAUSAL else {}
    # A window attention takes no mask of booleans, but a summand.
    joined = _as_one(recorder, left, q.dtype, added=isinstance(seen, Pattern))
    operands = {"mask" if value.dtype == "bool" else "bias": value for value in joined}
    if scores.sinks is not None:
        operands["sinks"] = scores.sinks
    if set(operands) - {"mask"}:
        attrs["operands"] = list(operands)
    made = Result((batch, heads, q_len, v_dim), v.dtype)
    (value,) = recorder.op(kind, kind, dims, [q, k, v, *operands.values()], [made], attrs)
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


def _grouped(k: Value, v: Value) -> tuple[Value, Value]:
    """Return keys and values before they were repeated for the heads of a group, if both were."""
    sources = _unrepeated(k), _unrepeated(v)
    if sources[0] is None or sources[1] is None or sources[0].shape[1] != sources[1].shape[1]:
        return k, v
    return sources[0], sources[1]


def _unrepeated(value: Value) -> Value | None:
    """Return (batch, kv_heads, ...) of what is (batch, heads, ...); None if each head has its own."""
    layout = value.layout
    if layout.shape[1] > 1 and layout.strides[1] == 0:  # one for all
        return value.shown_as(layout[:, :1])
    whole = value.root or value
    if whole.repeated is None or whole.shape != value.shape or steps(whole.layout) != steps(layout):
        return None
    return whole.repeated


def _attrs(scores: Scores, head_dim: int) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    if scores.scale is not None and not math.isclose(scores.scale, head_dim**-0.5, rel_tol=1e-5):
        attrs["scale"] = scores.scale
    if scores.softcap:
        attrs["softcap"] = scores.softcap
    return attrs


def _read(recorder: Recorder, scores: Scores, q_len: int, kv_len: int) -> tuple[Pattern | Whole, list[Value]]:
    """Return which pairs are seen by place and by masks whose values are known, and the masks that are left.

    A row in which known masks allow no key keeps them all as operands: a softmax over keys that large numbers
    deny is not zero.
    """
    allowed = {value: pairs for value in scores.masks if (pairs := _pairs(recorder, value)) is not None}
    found, used = _known(allowed, scores.places.mask(q_len, kv_len)) if allowed else (None, [])
    if len(used) < len(allowed):
        recorder.note(NO_PATTERN)
    if found is not None:
        return found, [value for value in scores.masks if value not in used]
    alone = scores.places.pattern(q_len, kv_len)
    if alone is not None:
        return alone, scores.masks
    mask = scores.places.mask(q_len, kv_len)
    return Whole.DENSE, [known(mask, "bool", "places"), *scores.masks]


def _known(allowed: Mapping[Value, Mask], places: Mask) -> tuple[Pattern | Whole | None, list[Value]]:
    """Return what is left of the `places` under known masks, and the masks that this says: all if it can."""
    together = places.copy()
    for pairs in allowed.values():
        together &= pairs
    if not together.any(axis=1).all():
        return None, []
    found = pattern_of_mask(together)
    if found is not None:
        return found, list(allowed)
    used: list[Value] = []
    for value, pairs in allowed.items() if len(allowed) > 1 else ():
        pattern = pattern_of_mask(places & pairs)
        if pattern is not None:
            found, places = pattern, places & pairs
            used.append(value)
    return found, used


def _pairs(recorder: Recorder, value: Value) -> Mask | None:
    """Return which pairs a mask allows, None where it is not known or says more than that."""
    if value.constant is None:
        return None
    array = value.constant.array()
    if array is None:
        recorder.note(TOO_LARGE)
        return None
    return allowed_pairs(array)


def _as_one(recorder: Recorder, masks: Sequence[Value], dtype: str, *, added: bool) -> Sequence[Value]:
    """Return several masks as one: what all of them allow, their sum, or the sum where they allow it.

    With `added`, booleans become the summand that denies what they do not allow.
    """
    booleans = [value.dtype == "bool" for value in masks]
    if len(masks) < 2 and not (added and any(booleans)):
        return masks
    shape = np.broadcast_shapes(*(value.shape for value in masks))
    if all(booleans) and not added:
        return [recorder.per_element("eltwise", "logical_and", masks, Result(shape, "bool"))]
    function = "where" if any(booleans) else "add"
    return [recorder.per_element("eltwise", function, masks, Result(shape, dtype))]

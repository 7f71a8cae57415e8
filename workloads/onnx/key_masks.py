"""The masks of onnxruntime's attention operators: whole numbers, in one of several shapes.

Obeys onnxruntime's page ContribOperators, and the checks of its kernels (attention_base.cc,
multihead_attention_helper.h). A mask denies a pair where it holds 0. One of a single axis holds the lengths
of the texts instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tandemsim.workloads.known_masks import DENIED
from tandemsim.workloads.onnx.attention import PADDED
from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import Array, Value

ALL = slice(None)


def key_mask(
    node: Node, recorder: Recorder, position: int, batch: int, queries: int, keys: int
) -> list[Value]:
    """Return the mask that a node has as input `position`, as booleans that broadcast to the scores.

    None where there is no mask, and where it holds lengths that are not known, which is noted. Raises
    `ConfigError` for a shape that onnxruntime does not take.
    """
    mask = node.optional(position)
    if mask is None:
        return []
    if node.attr("mask_filter_value", DENIED) > DENIED:
        raise node.error(f"mask_filter_value must be at most {DENIED:g}, which denies a pair")
    if len(mask.shape) == 1:
        return _of_lengths(node, recorder, mask, batch, keys)
    if node.op == "Attention" and mask.shape in ((batch, 1), (1, 1)) and keys > 1:
        return []  # one number for all keys of a text: onnxruntime takes it for no mask
    part = _part(node, mask.shape, batch, queries, keys)
    view, constant = mask.shown_as(mask.layout[part]), mask.constant

    def allowed(array: Array) -> Array:
        return array[part] != 0

    view.name = mask.name
    return [recorder.derived("not_equal", view, Result(view.shape, "bool"), allowed, constant)]


def _part(node: Node, shape: tuple[int, ...], batch: int, queries: int, keys: int) -> tuple[Any, ...]:
    """Return the index that makes a mask one of four axes, for these queries and keys."""
    if shape == (batch, keys):
        return (ALL, None, None, ALL)
    if shape == (batch, queries, keys):
        return (ALL, None)
    shapes = f"[{batch}, {keys}] or [{batch}, {queries}, {keys}]"
    if node.op == "Attention":
        longest = shape[-1]
        if shape == (batch, 1, longest, longest) and longest >= keys:
            if node.attr("unidirectional", 0):
                raise node.error("a mask of 4 axes must come without unidirectional")
            return (ALL, ALL, slice(keys - queries, keys), slice(keys))
        shapes = f"[{batch}, {keys}], [{batch}, {queries}, {keys}] or [{batch}, 1, longest, longest]"
    raise node.error(f"a mask must have shape {shapes}, not {list(shape)}")


def _of_lengths(node: Node, recorder: Recorder, mask: Value, batch: int, keys: int) -> list[Value]:
    """Return which keys lie within a text: up to its length, or between two lists of ends and starts."""
    length = mask.shape[0]
    if length not in (batch, 2 * batch, 3 * batch + 2):
        raise node.error(
            f"a mask of lengths must hold {batch}, {2 * batch} or {3 * batch + 2} numbers, not {length}"
        )
    numbers = mask.constant.array() if mask.constant else None
    if numbers is None:
        recorder.note(PADDED)
        return []
    key = np.arange(keys)
    allowed = key < numbers[:batch, None]
    if length == 2 * batch:
        allowed &= key >= numbers[batch:, None]
    return [known(allowed[:, None, None], "bool", f"texts of {mask.name}")]

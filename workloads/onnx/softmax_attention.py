"""Finds attention that a file writes as two matrix products around a softmax, and records it as one op.

Between the products may stand a scale, a soft cap (tanh), masks (added, or by `Where`), casts, dropout and
the guard against rows without keys that torch's exporter writes. Every value in between must be read by the
next node of the chain alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from onnx import GraphProto, NodeProto, helper

from tandemsim.workloads.known_masks import DENIED
from tandemsim.workloads.onnx.heads import Scores, attend
from tandemsim.workloads.onnx.node import Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import Value

LONGEST = 12  # nodes between the first product and the softmax
THROUGH = {"Add": (0, 1), "Mul": (0, 1), "Div": (0,), "Where": (1, 2), "Cast": (0,), "Tanh": (0,)}
THROUGH |= {"Identity": (0,), "Dropout": (0,)}  # operators of a chain, and the inputs that may be its scores
LAST_AXIS = 13  # the opset since which a softmax is along the last axis unless its node says another
AFTER = ("Cast", "Dropout", "Identity")


class Link(NamedTuple):
    """A node of a chain, and which of its inputs holds the scores."""

    node: NodeProto
    position: int


class Chain(NamedTuple):
    """Product, what is done to the scores, softmax, product."""

    first: NodeProto
    scores: tuple[Link, ...]
    softmax: NodeProto
    after: tuple[NodeProto, ...]
    last: NodeProto

    @property
    def before(self) -> list[NodeProto]:
        """The nodes whose work the last one's attention does, in their order."""
        return [self.first, *(link.node for link in self.scores), self.softmax, *self.after]


class _Uses:
    """Who makes and who reads each value of a graph."""

    def __init__(self, graph: GraphProto) -> None:
        self.maker: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output if name}
        self.readers: dict[str, list[NodeProto]] = {}
        self.returned = {output.name for output in graph.output}
        for node in graph.node:
            for name in [*node.input, *_enclosed(node)]:
                self.readers.setdefault(name, []).append(node)

    def only_reader(self, node: NodeProto) -> NodeProto | None:
        """Return the one node that reads what `node` makes; None if there are others, or it is returned."""
        used = [name for name in node.output if name in self.readers or name in self.returned]
        if used != list(node.output[:1]) or used[0] in self.returned:
            return None
        readers = self.readers[used[0]]
        return readers[0] if len(readers) == 1 else None


def find(graph: GraphProto) -> dict[str, Chain]:
    """Return the chains of a graph by the name of what they make."""
    uses = _Uses(graph)
    chains: dict[str, Chain] = {}
    for node in graph.node:
        if node.op_type == "Softmax" and node.domain in ("", "ai.onnx"):
            chain = _around(node, uses)
            if chain:
                chains[chain.last.output[0]] = chain
    return chains


def _around(softmax: NodeProto, uses: _Uses) -> Chain | None:
    after: list[NodeProto] = []
    node: NodeProto | None = softmax
    while node is not None:
        guard = _guard(node, uses) if node is softmax else None
        if guard:
            after += guard
            node = guard[-1]
        reader = uses.only_reader(node)
        if reader is None:
            return None
        if reader.op_type == "MatMul":
            if reader.input[0] != node.output[0] or reader.input[1] == node.output[0]:
                return None
            found = _before(softmax.input[0], uses, softmax)
            return Chain(found[0], found[1], softmax, tuple(after), reader) if found else None
        if reader.op_type not in AFTER or reader.input[0] != node.output[0]:
            return None
        after.append(reader)
        node = reader
    return None


def _guard(softmax: NodeProto, uses: _Uses) -> list[NodeProto]:
    """Return the nodes ``Where(IsNaN(p), 0, p)`` behind a softmax."""
    readers = uses.readers.get(softmax.output[0], [])
    tests = [node for node in readers if node.op_type == "IsNaN"]
    choices = [node for node in readers if node.op_type == "Where"]
    if len(readers) != 2 or len(tests) != 1 or len(choices) != 1 or softmax.output[0] in uses.returned:
        return []
    alone = uses.only_reader(tests[0]) is choices[0]
    fits = choices[0].input[0] == tests[0].output[0] and choices[0].input[2] == softmax.output[0]
    return [tests[0], choices[0]] if alone and fits else []


def _before(name: str, uses: _Uses, reader: NodeProto) -> tuple[NodeProto, tuple[Link, ...]] | None:
    """Return the product from which scores come, and the links from it to `reader`."""
    waiting: list[tuple[str, NodeProto, tuple[Link, ...]]] = [(name, reader, ())]
    while waiting:
        name, reader, links = waiting.pop()
        node = uses.maker.get(name)
        if node is None or node.domain not in ("", "ai.onnx") or uses.only_reader(node) is not reader:
            continue
        if node.op_type == "MatMul":
            return node, links
        if len(links) < LONGEST:
            for position in reversed(THROUGH.get(node.op_type, ())):
                if position < len(node.input):
                    waiting.append((node.input[position], node, (Link(node, position), *links)))
    return None


def record(chain: Chain, scope: Mapping[str, Value], recorder: Recorder, opset: int) -> Value | None:
    """Record a chain as one attention, and return what it makes; None if it is something else."""
    operands = [scope.get(name) for name in (*chain.first.input, chain.last.input[1])]
    q, transposed, v = operands
    if q is None or transposed is None or v is None or min(len(x.shape) for x in (q, transposed, v)) < 2:
        return None
    scores = _scores(chain, scope, recorder)
    lead = np.broadcast_shapes(q.shape[:-2], transposed.shape[:-2], v.shape[:-2])
    usual = -1 if opset >= LAST_AXIS else 1
    axis = next((item.i for item in chain.softmax.attribute if item.name == "axis"), usual)
    if scores is None or axis not in (-1, len(lead) + 1) or 0 in (*q.shape, *transposed.shape, *v.shape):
        return None
    parts = [_heads(x, lead) for x in (q, transposed.swapped(), v)]
    query, key, value = parts
    if query is None or key is None or value is None:
        return None
    sides = (*query.shape[:3], key.shape[2])
    if not all(_fits(mask, sides) and len(mask.shape) <= len(lead) + 2 for mask in scores.masks):
        return None
    made = attend(recorder, query, key, value, scores)
    return made if len(lead) == 2 else recorder.reshape(made, (*lead, *made.shape[-2:]))


def _heads(value: Value, lead: tuple[int, ...]) -> Value | None:
    """Return a value with exactly two axes before the last two, broadcast; None if that takes a copy."""
    value = value.expanded((*lead, *value.shape[-2:]))
    if len(lead) == 2:
        return value
    heads = lead[-1] if len(lead) > 2 else 1
    return value.reshaped((math.prod(lead) // heads, heads, *value.shape[-2:]))


def _fits(mask: Value, shape: tuple[int, ...]) -> bool:
    """Whether a mask can be broadcast to the scores."""
    sides = zip(reversed(mask.shape), reversed(shape), strict=False)
    return len(mask.shape) <= len(shape) and all(own in (1, side) for own, side in sides)


def _scores(chain: Chain, scope: Mapping[str, Value], recorder: Recorder) -> Scores | None:
    """Return what the links between product and softmax do; None if a trace has no word for it."""
    scale, scores, capped = 1.0, Scores(), None
    for node, position in chain.scores:
        if node.op_type in ("Cast", "Identity", "Dropout"):
            continue
        if node.op_type == "Tanh":
            if scores.masks or capped is not None:
                return None
            capped = scale
            continue
        others = [scope.get(name) for index, name in enumerate(node.input) if index != position]
        if None in others:
            return None
        if node.op_type == "Where":
            condition, fill = others
            number = _number(fill)
            if condition is None or number is None or not number <= DENIED:
                return None
            scores.masks.append(_inverted(condition, recorder) if position == 2 else condition)
        elif node.op_type == "Add":
            (added,) = others
            if added is None or (capped is not None and scores.softcap is None):
                return None
            scores.masks.append(added)
        else:
            number = _number(others[0])
            if not number or scores.masks:
                return None
            factor = 1 / number if node.op_type == "Div" else number
            if capped is not None and scores.softcap is None:
                if factor <= 0:
                    return None
                scores.softcap, scale = factor, capped * factor
            else:
                scale *= factor
    if capped is not None and scores.softcap is None or scale <= 0:
        return None
    scores.scale = scale
    return scores


def _inverted(mask: Value, recorder: Recorder) -> Value:
    """Return a mask that says true where a pair is denied as one that says where it is allowed."""
    return recorder.derived("logical_not", mask, Result(mask.shape, "bool"), np.logical_not, mask.constant)


def _number(value: Value | None) -> float | None:
    """Return the value of a constant of one element."""
    if value is None or value.constant is None or value.elements != 1:
        return None
    array = value.constant.array()
    return None if array is None else float(array.ravel()[0])


def _enclosed(node: NodeProto) -> list[str]:
    """Return every name that the graphs within a node read."""
    names: list[str] = []
    for item in node.attribute:
        graph = helper.get_attribute_value(item) if item.HasField("g") else None
        for inner in graph.node if graph is not None else ():
            names += [*inner.input, *_enclosed(inner)]
        names += [output.name for output in graph.output] if graph is not None else []
    return names

"""Walks the nodes of a graph in their order, and records what each becomes.

A node whose operands are all constants makes constants, as a compiler folds them: masks and position tables.
Matrix products, convolutions and look-ups of constants stay ops, as in the tracer of PyTorch models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from onnx import GraphProto, NodeProto

from tandemsim.sim.arch.checks import ConfigError, UserError, shown
from tandemsim.workloads.onnx import constants, control, softmax_attention
from tandemsim.workloads.onnx.files import domain_of
from tandemsim.workloads.onnx.inference import results
from tandemsim.workloads.onnx.node import Node, owner_of
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import OPERATORS
from tandemsim.workloads.onnx.values import Value

Scope = dict[str, Value]  # the values that nodes can read, by name


class Walk:
    """One walk over a model: its operator versions, the folder of its external data, and the recorder."""

    def __init__(self, recorder: Recorder, opsets: Mapping[str, int], ir_version: int, folder: Path) -> None:
        self.recorder, self.opsets, self.ir_version, self.folder = recorder, opsets, ir_version, folder

    def graph(self, graph: GraphProto, outer: Mapping[str, Value]) -> list[Value]:
        """Record the nodes of a graph; return its outputs. `outer` are its inputs, and what encloses it."""
        scope: Scope = dict(outer)
        for tensor in graph.initializer:
            scope[tensor.name] = constants.initializer(tensor, self.folder)
        for sparse in graph.sparse_initializer:
            scope[sparse.values.name] = constants.sparse_initializer(sparse)
        chains = softmax_attention.find(graph)
        later = {id(node) for chain in chains.values() for node in chain.before}
        for node in graph.node:
            chain = chains.get(node.output[0]) if node.output else None
            if id(node) in later:
                continue
            if chain and not self._attention(chain, scope):
                self._nodes([*chain.before, node], scope)
            elif not chain:
                self._node(node, scope)
        return [_found(output.name, scope) for output in graph.output]

    def _nodes(self, nodes: Iterable[NodeProto], scope: Scope) -> None:
        for node in nodes:
            self._node(node, scope)

    def _attention(self, chain: softmax_attention.Chain, scope: Scope) -> bool:
        """Record a chain of products around a softmax as one attention, if that is what it is."""
        self.recorder.owner = owner_of(chain.last)
        with _fitting(chain.last):
            result = softmax_attention.record(chain, scope, self.recorder, self.opsets.get("", 1))
        if result is None:
            return False
        scope[chain.last.output[0]] = result
        return True

    def _node(self, proto: NodeProto, scope: Scope) -> None:
        inputs = [_found(name, scope, proto) if name else None for name in proto.input]
        named = {name: value for name, value in zip(proto.input, inputs, strict=True) if value is not None}
        node = Node(proto, self.opsets.get("", 1), inputs, self.folder)
        self.recorder.owner = node.owner
        with _fitting(proto):
            if node.op in control.CONTROL and not node.domain:
                made = control.run(
                    node, self.recorder, lambda graph, own: self.graph(graph, {**scope, **own})
                )
            else:
                made = self._made(node, named)
        for name, value in zip(proto.output, made, strict=False):
            if name:
                scope[name] = value

    def _made(self, node: Node, named: Mapping[str, Value]) -> list[Value]:
        node.results = results(node.proto, named, self.opsets, self.ir_version)
        fixed = all(value.constant for value in named.values())
        entry = OPERATORS[domain_of(node.proto), node.op]
        if fixed and (entry.folds or _whole(node)):
            made = [self._constant(node, position, named) for position in range(len(node.proto.output))]
        else:
            made = entry.rule(node, self.recorder)
        if fixed:
            for position, value in enumerate(made):
                if value.constant is None and position < len(node.proto.output):
                    elements = value.elements
                    value.constant = constants.computed(node.proto, position, named, elements, self.opsets)
        return made

    def _constant(self, node: Node, position: int, named: Mapping[str, Value]) -> Value:
        """Return a result of a node of constants; where its shape depends on values, they are computed."""
        if not node.wants(position):
            return Value((0,), "bool")
        if node.results[position] is not None:
            return Value(*node.result(position))
        most = max((value.elements for value in named.values()), default=1)
        array = constants.computed(node.proto, position, named, most, self.opsets).array()
        return Value(*node.result(position)) if array is None else constants.known(array, str(array.dtype))


@contextmanager
def _fitting(proto: NodeProto) -> Iterator[None]:
    """Turn what a rule meets in a malformed node into an error that names it."""
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        where = f"({proto.op_type}, node {shown(owner_of(proto))})"
        raise ConfigError(
            f"inputs and attributes do not fit: {type(error).__name__}: {error} {where}"
        ) from error


def _found(name: str, scope: Scope, reader: NodeProto | None = None) -> Value:
    if name not in scope:
        who = "the graph's output" if reader is None else f"node {shown(owner_of(reader))}"
        raise ConfigError(f"{who} reads {shown(name)}, which nothing before it makes")
    return scope[name]


def _whole(node: Node) -> bool:
    """Whether a look-up reads whole numbers: positions and shapes, not the rows of an embedding."""
    looks_up = node.op.startswith(("Gather", "Scatter", "TopK"))
    return looks_up and node.input(0).dtype in ("int64", "int32", "bool")

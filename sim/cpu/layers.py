"""A trace becomes layers: what runs as one parallel region, with the ops that a compiler fuses behind it.

As TVM fuses: what changes values one by one (activations, batch norms, residual additions, casts, pads) rides
on the region that makes them, where nobody else reads what is between. Layer norms, softmax, pooling,
gathers and reductions are regions of their own. What each region computes and moves is its `Shape`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tandemsim.sim.cpu.shapes import ELEMENT_OPS, VALUE_BYTES, Shape, shape_of
from tandemsim.traces.schema import Op, Trace

RIDING = frozenset({"act", "eltwise", "quantize", "norm"})
ACTIVATIONS = ("activation", "input", "output")


@dataclass(slots=True)
class Layer:
    """One parallel region: an op, and those that ride on its results."""

    op: Op
    shape: Shape
    output: int  # the tensor that it leaves
    riders: list[Op] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a trace in their order, and what joins them to its ops and to the outside."""

    layers: Sequence[Layer]
    rides_on: Mapping[int, int]  # place of the layer that an op rides on, by the op's id
    # Of each layer: bytes that it is the first to read of the model's inputs, and bytes of its outputs.
    outside: Sequence[tuple[float, float]]


class Tensors:
    """What layers ask of a trace's tensors: whose memory, how many values, how many readers."""

    def __init__(self, trace: Trace, batch: int) -> None:
        self.batch = batch
        self._tensors = trace.tensor_map()
        self.uses: dict[int, int] = {}
        for op in trace.ops:
            for root in {self.root(each) for each in op.inputs}:
                self.uses[root] = self.uses.get(root, 0) + 1

    def root(self, tensor: int) -> int:
        """Return the tensor whose memory one is a view of."""
        found = self._tensors[tensor]
        while found.alias_of is not None:
            found = self._tensors[found.alias_of]
        return found.id

    def is_weight(self, tensor: int) -> bool:
        """Return whether a tensor is there from the start and the same for all items of a batch."""
        return self._tensors[self.root(tensor)].role not in ACTIVATIONS

    def elements(self, tensor: int) -> int:
        """Return the values of a tensor's memory, of all items of the batch unless it is a weight."""
        found = self._tensors[self.root(tensor)]
        return found.elements * (self.batch if found.role in ACTIVATIONS else 1)

    def viewed(self, tensor: int) -> int:
        """Return the values of a tensor as it is viewed, of all items of the batch unless it is a weight."""
        return self._tensors[tensor].elements * (1 if self.is_weight(tensor) else self.batch)

    def plane(self, tensor: int) -> int:
        """Return the places of an image: the sides of a tensor behind the first two."""
        return math.prod(self._tensors[tensor].shape[2:])

    def outside(self, layers: Sequence[Layer]) -> Iterator[tuple[float, float]]:
        """Yield for each layer its bytes of the model's inputs, where first read, and of its outputs."""
        tensors = self._tensors.values()
        outputs = {self.root(each.id) for each in tensors if each.role == "output"}
        fresh = {each.id for each in tensors if each.role == "input" and each.alias_of is None}
        for layer in layers:
            ops = (layer.op, *layer.riders)
            read = fresh & {self.root(each) for op in ops for each in op.inputs}
            fresh -= read
            left = {layer.output} | {self.root(each) for each in layer.op.outputs}
            sizes = (sum(map(self.elements, some)) for some in (read, left & outputs))
            first, last = (float(VALUE_BYTES * size) for size in sizes)
            yield min(first, layer.shape.input_bytes), min(last, layer.shape.output_bytes)


def layers_of(trace: Trace, ops: Sequence[Op], batch: int = 1) -> Layers:
    """Return the layers of some ops of a trace, each with the batch inside it."""
    tensors = Tensors(trace, batch)
    layers: list[Layer] = []
    rides_on: dict[int, int] = {}
    made_by: dict[int, int] = {}  # tensor -> place of its layer
    for op in ops:
        place = _host(op, tensors, layers, made_by)
        if place is None:
            place = len(layers)
            layers.append(Layer(op, shape_of(op, tensors), tensors.root(op.outputs[0])))
        else:
            rides_on[op.id] = place
            del made_by[layers[place].output]
            _ride(layers[place], op, tensors)
        for output in op.outputs:
            made_by[tensors.root(output)] = place
    return Layers(layers, rides_on, [*tensors.outside(layers)])


def _host(op: Op, tensors: Tensors, layers: Sequence[Layer], made_by: Mapping[int, int]) -> int | None:
    """Return the layer that an op can ride on: the last one that makes one of its inputs, or None."""
    if op.kind not in RIDING or op.dims.get("reduced", 1) != 1 or len(op.outputs) != 1:
        return None
    roots = dict.fromkeys(map(tensors.root, op.inputs))
    made = {root: made_by[root] for root in roots if root in made_by}
    if not made:
        return None
    place = max(made.values())
    source = layers[place].output
    if made.get(source) != place or tensors.uses[source] != 1:
        return None
    values = [root for root in roots if not tensors.is_weight(root)]
    same = tensors.elements(source) == tensors.viewed(op.outputs[0])
    return place if same or values == [source] else None


def _ride(layer: Layer, op: Op, tensors: Tensors) -> None:
    """Add an op to a layer: its work, the operands that it reads beside the layer's results, its output."""
    beside = {tensors.root(each): each for each in op.inputs if tensors.root(each) != layer.output}
    elements = tensors.viewed(op.outputs[0])
    shape = layer.shape
    layer.riders.append(op)
    layer.output = tensors.root(op.outputs[0])
    layer.shape = shape._replace(
        output_bytes=float(elements * VALUE_BYTES),
        beside_bytes=shape.beside_bytes + VALUE_BYTES * sum(map(tensors.viewed, beside.values())),
        element_ops=shape.element_ops + ELEMENT_OPS[op.kind] * elements,
    )

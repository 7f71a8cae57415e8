"""A model in values, op by op: once in float64 alone, once with its products on the array.

Both runs have the same tensors. Each op is given what the ops before it made in its own run, so that errors
add up as they would in the machine. An op whose function the trace does not state, or which the machine does
not run, makes N(0, 1) in both, the same numbers: from there on errors begin at zero. What no product of the
array has reached since is one array in both runs, which compares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.ant.values.arithmetic import Float64, OnArray, Watch
from tandemsim.sim.ant.values.attention import Heads
from tandemsim.sim.ant.values.comparison import Difference
from tandemsim.sim.ant.values.shaping import UnstatedError
from tandemsim.sim.ant.values.tensors import Tensors, operands_of
from tandemsim.sim.ant.values.vector import computed, gathered
from tandemsim.sim.ant.values.views import Use, shown
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Doubles, Progress
from tandemsim.traces.schema import Op, Trace

INDEXED = ("gather",)


class Pair(NamedTuple):
    """A tensor in both runs."""

    exact: Doubles
    machine: Doubles


@dataclass(slots=True)
class OpValues:
    """An op of the array."""

    op: Op
    formats: Mapping[str, str]  # operand -> format
    saturations: int
    difference: Difference


@dataclass(slots=True)
class ModelValues:
    """What a walk found."""

    ops: list[OpValues] = field(default_factory=list)
    outputs: Difference = field(default_factory=Difference)  # of the model, those that were compared
    not_compared: int = 0  # elements of its other outputs, which no product of the array has reached
    drawn: list[Op] = field(default_factory=list)  # those whose results were drawn


class Walk:
    """Goes through the ops of a trace; `bits` are the widths of those that the array runs.

    `watch` is told of each product on the array.
    """

    def __init__(
        self,
        trace: Trace,
        config: AntConfig,
        bits: Mapping[int, Bits],
        tensors: Tensors,
        watch: Watch | None = None,
    ) -> None:
        self._trace, self._config, self._bits, self._source = trace, config, bits, tensors
        self._watch = watch
        self._tensors = trace.tensor_map()
        self._held: dict[int, Pair] = {}
        self._readers: dict[int, int] = {}
        for op in trace.ops:
            for root in {tensors.root(each).id for each in op.inputs}:
                self._readers[root] = self._readers.get(root, 0) + 1
        outputs = [each for each in trace.tensors if each.role == "output"]
        self._outputs = {tensors.root(each.id).id for each in outputs}
        self.found = ModelValues()

    def run(self, progress: Progress | None = None) -> ModelValues:
        """Run every op. Raises `UserError`."""
        # Whoever makes numbers looks at them.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self._run(progress)

    def _run(self, progress: Progress | None) -> ModelValues:
        for done, op in enumerate(self._trace.ops):
            made = self._made(op)
            for tensor, pair in zip(op.outputs, made, strict=False):
                self._held[tensor] = pair
                if tensor in self._outputs and pair.machine is pair.exact:
                    self.found.not_compared += pair.exact.size
                elif tensor in self._outputs:
                    self.found.outputs.add(pair.machine, pair.exact)
            for root in {self._source.root(each).id for each in (*op.inputs, *op.outputs)}:
                self._readers[root] = self._readers.get(root, 0) - (root not in op.outputs)
                if self._readers[root] <= 0:
                    self._held.pop(root, None)
            if progress:
                progress("values", done + 1, len(self._trace.ops))
        return self.found

    def _made(self, op: Op) -> list[Pair]:
        """Return what an op makes; what steers a gather is drawn where it is used."""
        outputs = [self._tensors[each] for each in op.outputs if self._tensors[each].role != "index"]
        if not outputs:
            return []
        shape = outputs[0].shape
        try:
            if op.kind in ATTENTIONS and op.id in self._bits:
                return [self._attention(op, shape)]
            if op.kind in PRODUCTS and op.id in self._bits:
                return [self._product(op, shape)]
            if op.kind in PRODUCTS or op.kind in ATTENTIONS or len(op.outputs) > 1:
                raise UnstatedError
            return [self._beside(op, shape)]
        except UnstatedError:
            self.found.drawn.append(op)
            noise = [self._source.noise(each.id) for each in outputs]
            return [Pair(each, each) for each in noise]

    def _given(self, op: Op, place: int) -> Pair:
        tensor = self._tensors[op.inputs[place]]
        root = self._source.root(tensor.id)
        if root.id in self._held:
            pair = self._held[root.id]
        elif root.role in ("activation", "output"):
            raise UnstatedError  # an index that an op made
        else:
            values = self._source.values(root.id)
            pair = Pair(values, values)
        use, is_view = Use(op.kind, place), tensor.alias_of is not None
        seen = shown(pair.exact, tensor.shape, use, is_view)
        if pair.machine is pair.exact:
            return Pair(seen, seen)
        return Pair(seen, shown(pair.machine, tensor.shape, use, is_view))

    def _product(self, op: Op, shape: tuple[int, ...]) -> Pair:
        left, right = self._given(op, 0), self._given(op, 1)
        bits = self._bits[op.id]
        is_weight = self._source.root(op.inputs[1]).role == "weight"
        array = self._array(op, bits, is_weight)
        exact = Float64().product(op, left.exact, right.exact).reshape(shape)
        machine = array.product(op, left.machine, right.machine).reshape(shape)
        for place in range(2, len(op.inputs)):
            if op.kind == "grouped_gemm" and self._tensors[op.inputs[place]].role == "index":
                continue  # which rows are whose
            added = self._given(op, place)
            exact, machine = (
                exact + _added(op, added.exact, shape),
                machine + _added(op, added.machine, shape),
            )
        return self._noted(op, array, Pair(exact, machine))

    def _attention(self, op: Op, shape: tuple[int, ...]) -> Pair:
        count = operands_of(op)
        given = [self._given(op, place) for place in range(count)]
        beside: list[dict[str, Doubles]] = [{}, {}]
        for name in ("mask", "bias", "sinks"):
            tensor = op.operand(name)
            if tensor is not None:
                is_added = name == "mask" and self._tensors[tensor].dtype != "bool"
                for world, values in zip(beside, self._given(op, op.inputs.index(tensor)), strict=True):
                    key = "bias" if is_added else name
                    world[key] = world[key] + values if key in world else values
        array = self._array(op, self._bits[op.id], False)
        out = []
        for way, world, which in ((Float64(), beside[0], 0), (array, beside[1], 1)):
            local = Heads(*(each[which] for each in given[:3]))
            apart = Heads(*(each[which] for each in given[3:])) if count > 3 else None
            out.append(way.attention(op, local, apart, world).reshape(shape))
        return self._noted(op, array, Pair(*out))

    def _array(self, op: Op, bits: Bits, is_weight: bool) -> OnArray:
        names = [self._source.described(each) for each in op.inputs]
        return OnArray(self._config, bits, op, is_weight, names, self._watch)

    def _noted(self, op: Op, array: OnArray, pair: Pair) -> Pair:
        if not all(np.isfinite(each).all() for each in pair):
            names = " and ".join(self._source.described(each) for each in op.inputs[:2])
            raise ConfigError(f"op {op.name!r}: results of {names} must be finite, and float64 overflows")
        difference = Difference()
        difference.add(pair.machine, pair.exact)
        self.found.ops.append(OpValues(op, array.formats, array.saturations, difference))
        return pair

    def _beside(self, op: Op, shape: tuple[int, ...]) -> Pair:
        if op.kind in INDEXED:
            if len(op.inputs) != 2:
                raise UnstatedError
            table = self._given(op, 0)
            index = self._index(op, 1, table.exact.shape)
            pair = [gathered(op, each, index, shape) for each in _both(table)]
        else:
            given = [self._given(op, place) for place in range(len(op.inputs))]
            worlds = [[each[which] for each in given] for which in (0, 1)]
            if all(each.exact is each.machine for each in given):
                worlds = worlds[:1]
            pair = [computed(op, world, shape) for world in worlds]
        return Pair(pair[0], pair[-1])

    def _index(self, op: Op, place: int, table: tuple[int, ...]) -> np.ndarray:
        tensor = self._tensors[op.inputs[place]]
        root = self._source.root(tensor.id)
        most = min(table) if op.attrs.get("function") == "index_select" else table[0]
        values = self._source.index(root.id, most)
        return np.asarray(shown(values, tensor.shape, Use(op.kind, place), False))


def _both(pair: Pair) -> tuple[Doubles, ...]:
    return (pair.exact,) if pair.exact is pair.machine else pair


def _added(op: Op, values: Doubles, shape: tuple[int, ...]) -> Doubles:
    """Return what is added to a product, in a shape that fits its output's."""
    if op.kind == "conv2d":
        return values.reshape(-1, 1, 1)
    if op.kind == "grouped_gemm" and values.size == op.dim("groups") * op.dim("n"):
        from tandemsim.sim.ant.values.products import rows_of

        return np.repeat(values.reshape(op.dim("groups"), -1), rows_of(op), axis=0).reshape(shape)
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise UnstatedError from None

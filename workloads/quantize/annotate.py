"""States in a trace how its tensors are quantized: weights, and the inputs of the ops that read them.

An activation that nothing else reads is quantized itself; of one that has other readers too (a residual sum,
or a layer with another format), each format is a copy, made by an op of kind `quantize`. Scales of blocks of
activations depend on the input, so only those of weights are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from tandemsim.sim.arch.blocks import BlockFormat
from tandemsim.sim.arch.codes import Kind
from tandemsim.sim.quantize.tensors import Quantized
from tandemsim.traces.arrays import array_info
from tandemsim.traces.schema import Op, Quant, Tensor, Trace
from tandemsim.traces.validate import seal
from tandemsim.workloads.quantize.quantizing import INPUT, QuantizedLayer

Arrays = dict[str, npt.NDArray[Any]]
READERS = ("gemm", "conv2d")  # kinds whose input is quantized with their weight


def annotated(
    trace: Trace, layers: Sequence[QuantizedLayer], stated: Mapping[str, Any]
) -> tuple[Trace, Arrays, list[str]]:
    """Return the trace with what its tensors became, the arrays of scales, and the weights that it lacks.

    `stated` is what the source of the trace says of the quantization.
    """
    work = _Annotation(trace)
    missing = [layer.weight.name for layer in layers if not work.weight(layer.weight)]
    work.activations({layer.weight.name: layer.activation for layer in layers if layer.activation})
    source = replace(trace.source, configuration={**trace.source.configuration, "quantization": dict(stated)})
    ops = [replace(op, id=number) for number, op in enumerate(work.ops)]
    infos = {name: array_info(array) for name, array in work.arrays.items()}
    sealed = seal(source=source, tensors=list(work.tensors.values()), ops=ops, arrays=infos)
    return sealed, work.arrays, missing


class _Annotation:
    """A trace in the making."""

    def __init__(self, trace: Trace) -> None:
        self.tensors = trace.tensor_map()
        self.ops = list(trace.ops)
        self.arrays: Arrays = {}
        self._roots = {number: self._root(number) for number in self.tensors}

    def weight(self, found: Quantized) -> bool:
        """State the quantization of a weight by its name; return whether there is one."""
        named = [t for t in self.tensors.values() if t.role == "weight" and t.name == found.name]
        if not named:
            return False
        scales = self._stored(f"{found.name}/scales", found)
        self._state(named[0], _quant(found, scales))
        return True

    def activations(self, found: Mapping[str, Quantized]) -> None:
        """State the quantization of the inputs of the ops that read these weights."""
        wanted: dict[
            int, dict[int, Quantized]
        ] = {}  # tensor that is read -> place of the op -> what it becomes
        for place, op in enumerate(self.ops):
            if op.kind in READERS and len(op.inputs) > 1:
                weight = self.tensors[self._roots[op.inputs[1]]]
                if weight.role == "weight" and weight.name in found:
                    wanted.setdefault(self._roots[op.inputs[0]], {})[place] = found[weight.name]
        made: dict[int, list[Op]] = {}  # place -> ops that come before it
        for root, readers in wanted.items():
            known: dict[bytes, str] = {}
            quants = {place: self._activation_quant(each, known) for place, each in readers.items()}
            if self._only_read_by(root, readers) and len(set(quants.values())) == 1:
                self._state(self.tensors[root], next(iter(quants.values())))
            else:
                self._copy(quants, made)
        self.ops = [each for place, op in enumerate(self.ops) for each in (*made.get(place, ()), op)]

    def _copy(self, quants: Mapping[int, Quant], made: dict[int, list[Op]]) -> None:
        """Let each op read a quantized copy; ops that want the same one share it."""
        copies: dict[tuple[tuple[int, ...], Quant], int] = {}
        for place, quant in quants.items():
            op = self.ops[place]
            shape = self.tensors[op.inputs[0]].shape
            if (shape, quant) not in copies:
                number = max(self.tensors) + 1
                given = self.tensors[op.inputs[0]]
                copy = Tensor(id=number, shape=shape, dtype=given.dtype, role="activation", quant=quant)
                self.tensors[number], self._roots[number] = copy, number
                dims: dict[str, int | tuple[int, ...]] = {"elements": copy.elements}
                name = f"{op.name}.quantize"
                step = Op(
                    id=0, kind="quantize", name=name, inputs=(given.id,), outputs=(number,), dims=dims, macs=0
                )
                made.setdefault(place, []).append(step)
                copies[shape, quant] = number
            self.ops[place] = replace(op, inputs=(copies[shape, quant], *op.inputs[1:]))

    def _only_read_by(self, root: int, readers: Mapping[int, Quantized]) -> bool:
        others = [
            place
            for place, op in enumerate(self.ops)
            for position, number in enumerate(op.inputs)
            if self._roots[number] == root and not (place in readers and position == 0)
        ]
        views = [self.tensors[number] for number, of in self._roots.items() if of == root]
        return not others and all(view.role != "output" for view in views)

    def _activation_quant(self, found: Quantized, known: dict[bytes, str]) -> Quant:
        """Of blocks the scales follow from the input; else there is one, `known` if a layer before has it."""
        if isinstance(found.form, BlockFormat):
            return _quant(found, None)
        scale = found.scales.tobytes()
        if scale not in known:
            known[scale] = self._stored(found.name.removesuffix(INPUT) + "/input_scale", found)
        return _quant(found, known[scale])

    def _stored(self, name: str, found: Quantized) -> str:
        self.arrays[name] = found.scales
        if isinstance(found.form, BlockFormat) and found.form.float_scale:
            self.arrays[f"{name}/tensor"] = np.array([found.tensor_scale], np.float32)
        return name

    def _state(self, tensor: Tensor, quant: Quant) -> None:
        """Quantize a tensor and its views, which leave scales to it: no shape says whether a view of a square
        matrix is transposed.
        """
        for number, root in self._roots.items():
            if root == self._roots[tensor.id]:
                view = self.tensors[number]
                own = number == tensor.id
                stated = quant if own else replace(quant, axis=None, scales=None)
                self.tensors[number] = replace(view, quant=stated)

    def _root(self, number: int) -> int:
        while (base := self.tensors[number].alias_of) is not None:
            number = base
        return number


def _quant(found: Quantized, scales: str | None) -> Quant:
    element = found.element
    if isinstance(found.form, BlockFormat):
        kind = found.form.name
    elif element.kind is Kind.FLOAT:
        kind = element.name.removesuffix("u")
    else:
        kind = str(element.kind)
    return Quant(bits=element.bits, type=kind, signed=element.signed, axis=found.axis, scales=scales)

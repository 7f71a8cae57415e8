"""Makes ONNX models of a few nodes, and their traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tandemsim.traces.schema import Op, Trace
from tandemsim.workloads.onnx.model import import_model

Shape = tuple[int | str, ...]
MICROSOFT = "com.microsoft"

TYPES = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}
TYPES |= {"bool": TensorProto.BOOL, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
TYPES |= {"half": TensorProto.FLOAT16}


def node(
    op: str, inputs: str, outputs: str = "y", domain: str = "", name: str = "", **attrs: object
) -> NodeProto:
    """A node; inputs and outputs are names between blanks, and ``_`` is one that is left out."""
    names = [["" if word == "_" else word for word in words.split()] for words in (inputs, outputs)]
    return helper.make_node(op, *names, name=name, domain=domain, **attrs)


def graph(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape | tuple[str, Shape]],
    outputs: str = "y",
    constants: Mapping[str, np.ndarray] | None = None,
    name: str = "g",
) -> GraphProto:
    """A graph. An input is its shape, of floats, or (type, shape); outputs have no stated shape."""
    infos = []
    for key, given in inputs.items():
        typed = (
            given
            if len(given) == 2 and given[0] in TYPES and isinstance(given[1], tuple)
            else ("float", given)
        )
        infos.append(helper.make_tensor_value_info(key, TYPES[typed[0]], typed[1]))
    results = [helper.make_empty_tensor_value_info(key) for key in outputs.split() if key != "_"]
    stored = [numpy_helper.from_array(np.asarray(array), key) for key, array in (constants or {}).items()]
    return helper.make_graph(list(nodes), name, infos, results, stored)


def model(made: GraphProto, opset: int = 18, **domains: int) -> ModelProto:
    """A model of a graph, in a version of ONNX's operators; onnxruntime's own are always there."""
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    imports += [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    return helper.make_model(made, opset_imports=imports)


def traced(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape | tuple[str, Shape]],
    outputs: str = "y",
    constants: Mapping[str, np.ndarray] | None = None,
    opset: int = 18,
    given: Mapping[str, tuple[int, ...]] | None = None,
) -> Trace:
    """The trace of a model of these nodes."""
    return import_model(
        model(graph(nodes, inputs, outputs, constants), opset), "m", inputs=(given or {}).items()
    )


def one(trace: Trace, kind: str) -> Op:
    """The only op of a kind."""
    (found,) = [op for op in trace.ops if op.kind == kind]
    return found


def kinds(trace: Trace) -> list[str]:
    """The kinds of the ops, in order."""
    return [op.kind for op in trace.ops]


def shapes(trace: Trace, role: str = "output") -> list[tuple[int, ...]]:
    """The shapes of the tensors of a role, in order."""
    return [tensor.shape for tensor in trace.tensors if tensor.role == role]


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    """A weight."""
    return np.zeros(shape, dtype)


def ints(*numbers: int) -> np.ndarray:
    """A constant of whole numbers."""
    return np.array(numbers, np.int64)


def band(low: int, high: int, length: int = 10, step: int = 1) -> np.ndarray:
    """Which pairs have an offset of a band."""
    offset = np.arange(length)[None, :] - np.arange(length)[:, None]
    return (low <= offset) & (offset <= high) & ((offset - low) % step == 0)

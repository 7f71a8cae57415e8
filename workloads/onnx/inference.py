"""Shapes and types of what a node makes, by ONNX's own inference, one node at a time.

Every input has its shape by then, and constants their content, so the answer is one of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import onnx
from onnx import NodeProto, OperatorSetIdProto, TypeProto, defs, helper, numpy_helper, shape_inference

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.workloads.onnx.dtypes import CODES, NAMES, WHOLE, onnx_name
from tandemsim.workloads.onnx.files import domain_of
from tandemsim.workloads.onnx.node import Result, owner_of
from tandemsim.workloads.onnx.values import Value

MOST_CONTENT = 2048  # elements of a constant whose content a shape may follow from
BY_FLOATS = {"Resize", "Upsample", "Range"}  # whose shapes follow from numbers that are not whole


def results(
    proto: NodeProto, inputs: Mapping[str, Value], opsets: Mapping[str, int], ir_version: int
) -> list[Result | None]:
    """Return what a node makes; None where ONNX does not know, as of operators that are not its own.

    Raises `ConfigError` where the shapes of the operands contradict the operator.
    """
    version = opsets.get("", 1)
    schema = None if domain_of(proto) else _schema(proto.op_type, version)
    if schema is None:
        return [None] * len(proto.output)
    if schema.since_version > version:
        where = f"({proto.op_type}, node {shown(owner_of(proto))})"
        raise ConfigError(f"the opset must be at least {schema.since_version}, not {version} {where}")
    types = {name: _type(value.dtype, value.shape) for name, value in inputs.items()}
    data = {
        name: numpy_helper.from_array(array)
        for name, value in inputs.items()
        if _matters(proto, value) and value.constant and (array := value.constant.array()) is not None
    }
    try:
        found = shape_inference.infer_node_outputs(
            schema, proto, types, data, opset_imports=_imports(version), ir_version=ir_version
        )
    except (RuntimeError, shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise ConfigError(
            f"shapes do not fit: {_reason(error)} ({proto.op_type}, node {shown(owner_of(proto))})"
        ) from None
    return [_result(found.get(name), proto) if name else None for name in proto.output]


def _matters(proto: NodeProto, value: Value) -> bool:
    return value.elements <= MOST_CONTENT and (value.dtype in WHOLE or proto.op_type in BY_FLOATS)


@lru_cache(maxsize=4096)
def _schema(name: str, version: int) -> defs.OpSchema | None:
    """Return an operator as an opset has it, or as the first later one has it; None if none does."""
    if defs.has(name, max_inclusive_version=version, domain=""):
        return defs.get_schema(name, max_inclusive_version=version, domain="")
    later = [
        schema for schema in defs.get_all_schemas_with_history() if not schema.domain and schema.name == name
    ]
    return min(later, key=lambda schema: schema.since_version, default=None)


@lru_cache
def _imports(version: int) -> list[OperatorSetIdProto]:
    return [helper.make_opsetid("", version)]


@lru_cache(maxsize=4096)
def _type(dtype: str, shape: tuple[int, ...]) -> TypeProto:
    """Return ONNX's words for a type; nobody changes them."""
    return helper.make_tensor_type_proto(CODES[dtype], shape)


def _result(found: TypeProto | None, proto: NodeProto) -> Result | None:
    if found is None or not found.HasField("tensor_type"):
        return None
    tensor = found.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    if not tensor.HasField("shape") or min(dims, default=0) < 0:
        return None
    if tensor.elem_type not in NAMES:
        what = onnx_name(tensor.elem_type)
        raise ConfigError(
            f"its result must hold numbers, not {what} ({proto.op_type}, node {shown(owner_of(proto))})"
        )
    return Result(tuple(dims), NAMES[tensor.elem_type])


def _reason(error: Exception) -> str:
    """Return the last sentence of a message that begins with where in C++ it was raised."""
    text = " ".join(str(error).split())
    return text.rpartition("] ")[2] or text

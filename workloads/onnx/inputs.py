"""The shapes of a model's inputs: as the file states them, with what ``--input name=1x3x224x224`` adds.

Axes that bear a name in the file get the same length everywhere: naming one input's shape often says the
others'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from onnx import GraphProto, ValueInfoProto

from tandemsim.sim.arch.checks import ConfigError, nearest, shown
from tandemsim.workloads.onnx.dtypes import NAMES, onnx_name
from tandemsim.workloads.onnx.values import Value

Shape = tuple[int, ...]


def parse_input(text: str) -> tuple[str, Shape]:
    """Return name and shape of ``name=1x3x224x224``; ``name=`` is a scalar, and a length may be 0."""
    name, equals, lengths = text.rpartition("=")
    if not equals or not name or not re.fullmatch(r"(\d{1,10}(x\d{1,10})*)?", lengths):
        raise ConfigError(f"--input takes NAME=SHAPE, such as ids=1x128, not {shown(text)}")
    return name, tuple(int(length) for length in lengths.split("x") if length)


def input_values(graph: GraphProto, given: Iterable[tuple[str, Shape]]) -> dict[str, Value]:
    """Return the inputs of a graph by name; those that initializers fill are not inputs.

    Raises `ConfigError` for a name or a length that the file contradicts, and for an axis without a length.
    """
    filled = {tensor.name for tensor in graph.initializer}
    filled |= {tensor.values.name for tensor in graph.sparse_initializer}
    inputs = {info.name: info for info in graph.input if info.name not in filled}
    shapes = dict(given)
    for name in shapes:
        if name not in inputs:
            raise ConfigError(nearest("input", name, inputs))
    named: dict[str, int] = {}
    for name, shape in shapes.items():
        _bind(inputs[name], shape, named)
    return {name: _value(info, shapes.get(name), named) for name, info in inputs.items()}


def _bind(info: ValueInfoProto, shape: Shape, named: dict[str, int]) -> None:
    """Note the lengths that a given shape says of named axes."""
    stated = info.type.tensor_type.shape.dim
    if not info.type.tensor_type.HasField("shape"):
        return
    where = f"input {shown(info.name)}"
    if len(stated) != len(shape):
        raise ConfigError(f"{where} must have {len(stated)} axes, not {_text(shape)}")
    for axis, (dim, length) in enumerate(zip(stated, shape, strict=True)):
        if dim.HasField("dim_value") and dim.dim_value != length:
            raise ConfigError(f"{where} has a fixed length of {dim.dim_value} on axis {axis}, not {length}")
        if dim.dim_param and named.setdefault(dim.dim_param, length) != length:
            rule = f"axis {shown(dim.dim_param)} must have one length, {named[dim.dim_param]}"
            raise ConfigError(f"{where}: {rule}, not {length}")


def _value(info: ValueInfoProto, given: Shape | None, named: Mapping[str, int]) -> Value:
    where = f"input {shown(info.name)}"
    if info.type.WhichOneof("value") != "tensor_type":
        raise ConfigError(f"{where} must be a tensor, not a {info.type.WhichOneof('value')}")
    tensor = info.type.tensor_type
    if tensor.elem_type not in NAMES:
        raise ConfigError(f"{where} must hold numbers, not {onnx_name(tensor.elem_type)}")
    if given is None and not tensor.HasField("shape"):
        raise ConfigError(f"{where} has no shape in the file: give --input {info.name}=SHAPE")
    lengths: list[int] = list(given or ())
    for axis, dim in enumerate(tensor.shape.dim if given is None else ()):
        length = dim.dim_value if dim.HasField("dim_value") else named.get(dim.dim_param)
        if length is None or length < 0:
            what = f"axis {axis}" + (f" ({shown(dim.dim_param)})" if dim.dim_param else "")
            raise ConfigError(f"{where} has no length on {what}: give --input {info.name}=SHAPE")
        lengths.append(length)
    return Value(tuple(lengths), NAMES[tensor.elem_type], name=info.name)


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a scalar"

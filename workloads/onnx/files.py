"""Reads ONNX files: what is not one, or is damaged, is refused in one line.

Weights are never read. A constant whose content is asked for (a shape, a mask) may lie in a file beside the
model, as ONNX allows; without that file it is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, external_data_helper, numpy_helper
from onnx.inliner import inline_local_functions

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.traces.limits import MAX_OPS
from tandemsim.workloads.onnx.values import Array

OLDEST = 7  # the first opset of today's broadcasting
NEWEST = onnx.defs.onnx_opset_version()
MAX_BYTES = 2**31  # of a message of protobuf


def read(path: Path) -> ModelProto:
    """Return the model in a file, its local functions inlined. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{path}: must hold at most 2 GiB, as every ONNX file; larger weights lie beside it"
        )
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # that of protobuf, which is not ours to import
        raise ConfigError(f"{path}: is not an ONNX file, or is cut off") from None
    if model.ir_version < 1 or not model.opset_import or not (model.graph.node or model.graph.output):
        raise ConfigError(f"{path}: is not an ONNX model: it holds no graph with a version")
    if not _is_text(model):
        raise ConfigError(f"{path}: holds a name that is not text in UTF-8")
    return _inlined(model, path)


def nodes_of(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes of a graph and of the graphs within them."""
    return nodes_within(graph.node)


def nodes_within(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield nodes and those of the graphs within them."""
    for node in nodes:
        yield node
        for item in node.attribute:
            if item.HasField("g"):
                yield from nodes_of(item.g)


def _is_text(model: ModelProto) -> bool:
    """Whether every name is text: protobuf gives damaged ones as bytes."""
    graph = model.graph
    names = [entry.domain for entry in model.opset_import]
    names += [item.name for item in (*graph.input, *graph.output, *graph.initializer)]
    for node in nodes_of(graph):
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [item.name for item in node.attribute]
        names += [item.value for item in node.metadata_props]
    return all(isinstance(name, str) for name in names)


def _inlined(model: ModelProto, path: Path) -> ModelProto:
    opset = opset_of(model)
    if not OLDEST <= opset <= NEWEST:
        raise ConfigError(f"{path}: opset must be in {OLDEST}..{NEWEST}, not {opset}")
    if not model.functions:
        return model
    _check_inlined(model, path)
    try:
        return inline_local_functions(model)
    except (RuntimeError, onnx.checker.ValidationError) as error:
        raise ConfigError(f"{path}: its functions cannot be inlined: {_said(error)}") from None


def _check_inlined(model: ModelProto, path: Path) -> None:
    """Raise `ConfigError` for functions that call themselves, or that make too many nodes together."""
    bodies = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size_of(nodes: Iterable[NodeProto]) -> int:
        return sum(sizes.get((node.domain, node.op_type), 1) for node in nodes)

    waiting = dict(bodies)
    while waiting:
        ready = [
            key
            for key, body in waiting.items()
            if not any((node.domain, node.op_type) in waiting for node in nodes_within(body.node))
        ]
        if not ready:
            named = ", ".join(shown(name) for _, name in list(waiting)[:3])
            raise ConfigError(f"{path}: local functions must not call themselves: {named}")
        for key in ready:
            sizes[key] = size_of(nodes_within(waiting.pop(key).node))
    whole = size_of(nodes_of(model.graph))
    if whole > MAX_OPS:
        raise ConfigError(
            f"{path}: must hold at most {MAX_OPS} nodes with its functions inlined, not {whole}"
        )


def opset_of(model: ModelProto) -> int:
    """Return the version of ONNX's own operators."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    return int(versions.get("", versions.get("ai.onnx", NEWEST)))


def domain_of(node: NodeProto) -> str:
    """Return the domain of an operator; that of ONNX is empty."""
    return "" if node.domain == "ai.onnx" else str(node.domain)


def content(tensor: TensorProto, folder: Path) -> Array:
    """Return the values of an initializer. Raises `ConfigError` where they are missing."""
    try:
        if external_data_helper.uses_external_data(tensor):
            tensor = _beside(tensor, folder)
        return np.asarray(numpy_helper.to_array(tensor))
    except (OSError, ValueError, TypeError, RuntimeError, onnx.checker.ValidationError) as error:
        raise ConfigError(f"initializer {shown(tensor.name)} cannot be read: {_said(error)}") from None


def _beside(tensor: TensorProto, folder: Path) -> TensorProto:
    """Return a copy of the tensor with the data of its file."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    file = folder / where.get("location", "")
    if not file.is_file():
        name = shown(where.get("location", ""))
        raise ConfigError(f"the value of initializer {shown(tensor.name)} lies in {name}, which is missing")
    loaded = TensorProto()
    loaded.CopyFrom(tensor)
    external_data_helper.load_external_data_for_tensor(loaded, str(folder))
    loaded.data_location = TensorProto.DEFAULT
    return loaded


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0]

"""One node of a graph as the rules of the table see it: its operator, attributes, inputs and results."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from onnx import NodeProto, helper

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.workloads.onnx.files import domain_of
from tandemsim.workloads.onnx.values import Array, Value

SCOPES = "pkg.torch.onnx.name_scopes"  # where torch's exporter says which modules called
T = TypeVar("T")


class Result(NamedTuple):
    """Shape and type of what a node makes."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(eq=False)
class Node:
    """An operator with its operands. A missing optional input is None, and so is a result that is not asked
    for or whose shape ONNX's own inference does not know."""

    proto: NodeProto
    opset: int  # of ONNX's own operators
    inputs: list[Value | None]
    folder: Path  # of the file, where external data lies
    results: list[Result | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.domain, self.op = domain_of(self.proto), str(self.proto.op_type)
        self.attrs = {item.name: item for item in self.proto.attribute}
        self.owner = owner_of(self.proto)

    def attr(self, name: str, default: T) -> T:
        """Return an attribute, or `default` if the node does not state it; a text as str."""
        if name not in self.attrs:
            return default
        value: Any = helper.get_attribute_value(self.attrs[name])
        text: Any = value.decode(errors="replace") if isinstance(value, bytes) else value
        found: T = text
        return found

    def has(self, position: int) -> bool:
        """Whether the node has this input."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def input(self, position: int) -> Value:
        """Return an input that must be there."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if value is None:
            raise self.error(f"input {position} is missing")
        return value

    def optional(self, position: int) -> Value | None:
        """Return an input, None if the node does not have it."""
        return self.inputs[position] if position < len(self.inputs) else None

    def given(self, *positions: int) -> list[Value]:
        """Return those of some inputs that are there."""
        return [value for position in positions if (value := self.optional(position)) is not None]

    @property
    def operands(self) -> list[Value]:
        """All inputs that are there."""
        return [value for value in self.inputs if value is not None]

    def result(self, position: int = 0) -> Result:
        """Return shape and type of a result. Raises `ConfigError` where they depend on values."""
        found = self.results[position] if position < len(self.results) else None
        if found is None:
            raise self.error("the shape of its result depends on values, and a trace knows only shapes")
        return found

    def wants(self, position: int) -> bool:
        """Whether anything may read this result."""
        return position < len(self.proto.output) and bool(self.proto.output[position])

    def content(self, position: int) -> Array:
        """Return the values of an input. Raises `ConfigError` if they do not follow from the file."""
        value = self.input(position)
        array = value.constant.array() if value.constant else None
        if array is None:
            raise self.error(
                f"the value of its input {position} must be known, and a trace knows only shapes"
            )
        return array

    def integers(self, position: int, attribute: str) -> list[int] | None:
        """Return what later opsets take as an input and earlier ones as an attribute; None if neither."""
        if self.has(position):
            return [int(number) for number in self.content(position).ravel()]
        stated: list[int] = self.attr(attribute, [])
        return list(stated) if attribute in self.attrs else None

    def error(self, message: str) -> ConfigError:
        """Return an error that names the operator and the node."""
        return ConfigError(f"{message} ({self.op}, node {shown(self.owner)})")


def owner_of(proto: NodeProto) -> str:
    """Return the name of the module that a node belongs to, as far as the file says it.

    torch's exporters write it: as a list of scopes, or as a path in the node's name, each of whose parts
    repeats the part before it (``/layer1/layer1.0/conv1/Conv``). Else it is the name of the node, or of its
    first result.
    """
    for item in proto.metadata_props:
        if item.key == SCOPES:
            return _last_scope(item.value) or str(proto.name)
    name = str(proto.name) or next(filter(None, proto.output), "")
    if not name.startswith("/"):
        return name
    parts: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        while parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts) or name.strip("/")


def _last_scope(text: str) -> str:
    """Return the innermost module of ``['', 'layer1', 'layer1.0', 'conv2d']``; the last is the function."""
    if not re.fullmatch(r"\[.*\]", text):
        return ""
    try:
        scopes = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return ""
    modules = [scope for scope in scopes[:-1] if isinstance(scope, str) and scope]
    return modules[-1] if modules else ""

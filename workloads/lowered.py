"""What one operator of a model becomes in a trace, whatever the model is written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Dims = dict[str, int | tuple[int, ...]]
T = TypeVar("T")  # what the model's own library calls a tensor


@dataclass(frozen=True)
class Lowered(Generic[T]):
    """An op of the trace, before it has a name and its tensors have numbers."""

    kind: str
    function: str  # the operator in plain words
    dims: Dims
    inputs: list[T]
    outputs: list[T]
    attrs: dict[str, Any] = field(default_factory=dict)

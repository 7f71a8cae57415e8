"""A trace out of a few stated tensors and ops: so machines make the small one that needs all kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal


class StatedTensor(NamedTuple):
    """A tensor; its number is its place in the list."""

    shape: tuple[int, ...]
    role: str
    alias_of: int | None = None


class StatedOp(NamedTuple):
    """An op with one output; tensors by their numbers."""

    kind: str
    name: str
    dims: Mapping[str, Any]
    inputs: tuple[int, ...]
    output: int
    attrs: Mapping[str, Any] = {}


def stated_trace(
    model: str, exporter: str, tensors: Iterable[StatedTensor], ops: Iterable[StatedOp]
) -> Trace:
    """Return the trace; ops are numbered in their order. Raises `TraceError` for one that breaks a rule."""
    made = [
        Tensor(id=i, shape=each.shape, dtype="float32", role=each.role, alias_of=each.alias_of)  # type: ignore[arg-type]
        for i, each in enumerate(tensors)
    ]
    done = [
        Op(
            id=i,
            kind=op.kind,
            name=op.name,
            inputs=op.inputs,
            outputs=(op.output,),
            dims=dict(op.dims),
            attrs=dict(op.attrs),
            macs=macs(op.kind, dict(op.dims), dict(op.attrs)),
        )  # fmt: skip
        for i, op in enumerate(ops)
    ]
    source = Source(model=model, configuration={}, exporter=exporter, exporter_version="1")
    return seal(source=source, tensors=made, ops=done)

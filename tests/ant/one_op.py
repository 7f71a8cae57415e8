"""Traces of one op, or of a few, for tests of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import ModelValues, Walk
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

Shape = tuple[int, ...]


def op_trace(
    kind: str,
    dims: Mapping[str, Any],
    inputs: Sequence[tuple[Shape, str]],
    output: Shape,
    attrs: Mapping[str, Any] | None = None,
    dtypes: Mapping[int, str] | None = None,
) -> Trace:
    """Return a trace of one op; inputs are shapes and roles, named a, b, c and so on."""
    given = [
        Tensor(id=i, shape=shape, role=role, dtype=(dtypes or {}).get(i, "float32"), name="abcdef"[i])  # type: ignore[arg-type]
        for i, (shape, role) in enumerate(inputs)
    ]
    made = Tensor(id=len(given), shape=output, role="output", dtype="float32")
    stated = dict(attrs or {})
    op = Op(
        id=0,
        kind=kind,
        name=kind,
        inputs=tuple(range(len(given))),
        outputs=(made.id,),
        dims=dict(dims),
        attrs=stated,
        macs=macs(kind, dict(dims), stated),
    )
    return seal(source=source(), tensors=[*given, made], ops=[op])


def source() -> Source:
    return Source(model="made", configuration={}, exporter="tests", exporter_version="1")


def elements(function: str, kind: str, inputs: Sequence[Shape], output: Shape, **dims: int) -> Trace:
    """Return a trace of an op of the vector unit."""
    given = [(shape, "input") for shape in inputs]
    return op_trace(kind, {"elements": math.prod(output), **dims}, given, output, {"function": function})


class Kept(Walk):
    """A walk that keeps what the last op made: `exact` and `machine`."""

    def _made(self, op: Op) -> list[Any]:
        made = super()._made(op)
        self.last = made[0]
        return made


def walk(
    trace: Trace,
    config: AntConfig,
    arrays: Mapping[str, np.ndarray],
    folder: Path,
    bits: tuple[int, int] = (4, 4),
    seed: int = 0,
) -> tuple[Kept, ModelValues]:
    """Run a trace with tensors from a file; attention has 8 bits."""
    path = folder / "values.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    widths = {
        op.id: Bits(*bits, (-(-bits[0] // 4), -(-bits[1] // 4))) for op in trace.ops if op.kind in PRODUCTS
    }
    widths |= {op.id: Bits(8, 8, (2, 2)) for op in trace.ops if op.kind in ATTENTIONS}
    kept = Kept(trace, config, widths, Tensors(trace, path, seed))
    return kept, kept.run()

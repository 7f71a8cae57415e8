"""Writes the layers of a trace that repeat once: the inverse of `traces.repeats.expanded`.

Which runs of tensors and of ops repeat is found by `traces.runs`. Each document is expanded again and
compared with its trace before it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tandemsim.traces.repeats import (
    Document,
    Growing,
    Moving,
    OpRepeat,
    RepeatedOp,
    RepeatedTensor,
    TensorRepeat,
    expanded,
)
from tandemsim.traces.runs import NUMBER, Run, find_runs
from tandemsim.traces.schema import Op, Tensor, Trace

Item = TypeVar("Item", Tensor, Op)


def compacted(trace: Trace) -> Document:
    """Return the document of a trace with every run that repeats stored once."""
    document = Document(
        schema=trace.schema,
        source=trace.source,
        tensors=tuple(folded_tensors(trace.tensors)),
        ops=tuple(folded_ops(trace.ops)),
        arrays=trace.arrays,
        digest=trace.digest,
    )
    if expanded(document) != trace:
        raise AssertionError("a compact document must expand to its trace")  # a fault of this file
    return document


def folded_tensors(tensors: Sequence[Tensor]) -> Iterator[Tensor | TensorRepeat]:
    """Yield the tensors, and a repeat in place of each run."""
    for run, (first, second) in _parts(tensors):
        if run is None:
            yield from first
        else:
            pairs = zip(first, second, strict=True)
            yield TensorRepeat("repeat", run.turns, tuple(_repeated_tensor(*pair) for pair in pairs))


def folded_ops(ops: Sequence[Op]) -> Iterator[Op | OpRepeat]:
    """Yield the ops, and a repeat in place of each run."""
    for run, (first, second) in _parts(ops):
        if run is None:
            yield from first
        else:
            pairs = zip(first, second, strict=True)
            yield OpRepeat("repeat", run.turns, tuple(_repeated_op(*pair) for pair in pairs))


def _parts(items: Sequence[Item]) -> Iterator[tuple[Run | None, tuple[Sequence[Item], Sequence[Item]]]]:
    """Yield each run with its first two turns, and what lies between runs."""
    done = 0
    for run in find_runs(items):
        yield None, (items[done : run.start], ())
        second = run.start + run.length
        yield run, (items[run.start : second], items[second : second + run.length])
        done = run.end
    yield None, (items[done:], ())


def _repeated_tensor(first: Tensor, second: Tensor) -> RepeatedTensor:
    alias = None
    if first.alias_of is not None and second.alias_of is not None:
        alias = _moving(first.alias_of, second.alias_of)
    return RepeatedTensor(
        id=_moving(first.id, second.id),
        shape=first.shape,
        dtype=first.dtype,
        role=first.role,
        alias_of=alias,
        quant=first.quant,
        name=_template(first.name, second.name),
    )


def _repeated_op(first: Op, second: Op) -> RepeatedOp:
    return RepeatedOp(
        id=_moving(first.id, second.id),
        kind=first.kind,
        name=_template(first.name, second.name),
        inputs=tuple(map(_moving, first.inputs, second.inputs)),
        outputs=tuple(map(_moving, first.outputs, second.outputs)),
        dims=first.dims,
        attrs=first.attrs,
        macs=first.macs,
    )


def _moving(first: int, second: int) -> Moving:
    return first if first == second else Growing(first, second - first)


def _template(first: str, second: str) -> str:
    """Return the name of two turns, with ``{first+step}`` for each number that grows."""
    others = iter(NUMBER.findall(second))

    def template(match: re.Match[str]) -> str:
        moving = _moving(int(match[0]), int(next(others)))
        return match[0] if isinstance(moving, int) else f"{{{moving.first}+{moving.step}}}"

    return NUMBER.sub(template, first)

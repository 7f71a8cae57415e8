"""Runs of tensors and ops that repeat, as a document stores them: one turn, and what grows from turn to turn.

In place of a run of tensors or of ops, a document may hold ``["repeat", turns, [...]]``: the items of turn 0.
An id that grows by the same step each turn is a pair, ``[first, step]``, and a number that does so within a
name is ``{first+step}``; all else is the same in all turns. So layers are stored once; `expanded` gives the
trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, field

from tandemsim.traces.errors import violation
from tandemsim.traces.limits import MAX_BYTES, MAX_MARKS, MIB, count_marks
from tandemsim.traces.schema import (
    ArrayInfo,
    Digest,
    Dtype,
    Id,
    KindName,
    Length,
    Macs,
    Op,
    Quant,
    Role,
    Source,
    Tensor,
    Trace,
    TracePart,
)

MAX_ID = 2**31 - 1
MOVING = re.compile(r"\{(\d{1,10})\+(\d{1,10})\}")  # in a name
BOUND = f"must keep the whole within {MAX_BYTES // MIB} MiB and {MAX_MARKS} commas, colons and brackets"

Turns = Annotated[int, Meta(ge=2, le=MAX_ID)]
Word = Literal["repeat"]


class Growing(NamedTuple):
    """An id that is another one in each turn."""

    first: Id  # in turn 0
    step: Length  # by how much it grows each turn


# Not Id | tuple[Id, Length]: of a union of these, msgspec 0.22 makes a decoder that crashes the interpreter
# when garbage is collected.
Moving = Id | Growing


class RepeatedTensor(TracePart, frozen=True, kw_only=True):
    """One tensor of every turn: the fields of a `Tensor`."""

    id: Moving
    shape: tuple[Length, ...]
    dtype: Dtype
    role: Role
    alias_of: Moving | None = None
    quant: Quant | None = None
    name: str = ""  # with {first+step} for each number that grows

    def at(self, turn: int) -> Tensor:
        """Return the tensor of one turn."""
        return Tensor(
            id=moved(self.id, turn),
            shape=self.shape,
            dtype=self.dtype,
            role=self.role,
            alias_of=None if self.alias_of is None else moved(self.alias_of, turn),
            quant=self.quant,
            name=renamed(self.name, turn),
        )


class RepeatedOp(TracePart, frozen=True, kw_only=True):
    """One op of every turn: the fields of an `Op`."""

    id: Moving
    kind: KindName
    name: str  # with {first+step} for each number that grows
    inputs: tuple[Moving, ...]
    outputs: tuple[Moving, ...]
    dims: dict[str, int | tuple[int, ...]]
    attrs: dict[str, Any] = field(default_factory=dict)
    macs: Macs

    def at(self, turn: int) -> Op:
        """Return the op of one turn. Its dims and attrs are one object in all turns: do not change them."""
        return Op(
            id=moved(self.id, turn),
            kind=self.kind,
            name=renamed(self.name, turn),
            inputs=tuple(moved(tensor, turn) for tensor in self.inputs),
            outputs=tuple(moved(tensor, turn) for tensor in self.outputs),
            dims=self.dims,
            attrs=self.attrs,
            macs=self.macs,
        )


class TensorRepeat(NamedTuple):
    """In place of a run of tensors: the tensors of turn 0, those of turn 1, and so on."""

    word: Word
    turns: Turns
    items: Annotated[tuple[RepeatedTensor, ...], Meta(min_length=1)]


class OpRepeat(NamedTuple):
    """In place of a run of ops: the ops of turn 0, those of turn 1, and so on."""

    word: Word
    turns: Turns
    items: Annotated[tuple[RepeatedOp, ...], Meta(min_length=1)]


class Document(TracePart, frozen=True, kw_only=True):
    """A trace as a file states it. Its digest is that of the expanded trace."""

    schema: Literal["tandem-trace/1"]
    source: Source
    tensors: tuple[Tensor | TensorRepeat, ...]
    ops: tuple[Op | OpRepeat, ...]
    arrays: dict[str, ArrayInfo] = field(default_factory=dict)
    digest: Digest


def moved(value: Moving, turn: int) -> int:
    """Return an id in one turn, which begin at 0."""
    return value if isinstance(value, int) else value.first + turn * value.step


def renamed(name: str, turn: int) -> str:
    """Return a name in one turn."""
    return MOVING.sub(lambda match: str(int(match[1]) + turn * int(match[2])), name) if "{" in name else name


def expanded(document: Document) -> Trace:
    """Return the trace of a document, each turn written out.

    It is bounded as a document without repeats is, before anything is made. Raises `TraceError`.
    """
    _check_bounds(document)
    return Trace(
        schema=document.schema,
        source=document.source,
        tensors=tuple(_tensors(document.tensors)),
        ops=tuple(_ops(document.ops)),
        arrays=document.arrays,
        digest=document.digest,
    )


def _tensors(items: Iterable[Tensor | TensorRepeat]) -> Iterator[Tensor]:
    for item in items:
        if isinstance(item, tuple):
            yield from (tensor.at(turn) for turn in range(item.turns) for tensor in item.items)
        else:
            yield item


def _ops(items: Iterable[Op | OpRepeat]) -> Iterator[Op]:
    for item in items:
        if isinstance(item, tuple):
            yield from (op.at(turn) for turn in range(item.turns) for op in item.items)
        else:
            yield item


def _check_bounds(document: Document) -> None:
    """Refuse what would expand beyond the limits of a document, and ids that are too large."""
    repeats = [
        (f"{name}[{position}]", item)
        for name, items in (("tensors", document.tensors), ("ops", document.ops))
        for position, item in enumerate(items)
        if isinstance(item, tuple)
    ]
    if not repeats:
        return  # the document has been bounded itself
    alone = [item for item in (*document.tensors, *document.ops) if not isinstance(item, tuple)]
    rest = msgspec.json.encode(alone)
    size, marks = len(rest), count_marks(rest)
    for place, repeat in repeats:
        turn = msgspec.json.encode(_last_turn(repeat, place))
        # A name may be shorter than what it is made from: the time to make it is bounded too.
        longest = max(len(turn), len(msgspec.json.encode(repeat.items)))
        size, marks = size + repeat.turns * longest, marks + repeat.turns * count_marks(turn)
        if size > MAX_BYTES or marks > MAX_MARKS:
            raise violation("turns", BOUND, repeat.turns).located(op=place)


def _last_turn(repeat: TensorRepeat | OpRepeat, place: str) -> list[Tensor | Op]:
    """Return the items of the last turn: its numbers are the largest, so its text is the longest."""
    last: list[Tensor | Op] = [item.at(repeat.turns - 1) for item in repeat.items]
    for position, item in enumerate(last):
        others = (*item.inputs, *item.outputs) if isinstance(item, Op) else (item.alias_of or 0,)
        largest = max(item.id, *others)
        if largest > MAX_ID:
            rule = f"must stay below 2**31 in all of {repeat.turns} turns"
            raise violation(f"items[{position}]", rule, largest).located(op=place)
    return last

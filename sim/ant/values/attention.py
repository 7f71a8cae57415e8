"""Attention of a trace in blocks of queries, dense or over a pattern, whatever multiplies two matrices.

Obeys the definition in docs/traces.md: softmax(q k / sqrt(head_dim)) v over the pairs that mask, order and
pattern admit, with what `operands` name; a learned sink is one more term of the denominator. Only keys in the
reach of a block are met, as in the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from tandemsim.sim.ant.values.products import Numbers
from tandemsim.sim.arch.types import Bools, Doubles, Integers
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

BLOCK = 256  # queries at once
SCORES = 2**21  # of a block at once, 16 MiB: beside many keys a block has fewer queries


class Arithmetic(Protocol):
    """The two products of attention."""

    def scores(self, query: Numbers, key: Numbers, apart: bool) -> Doubles:
        """Return the products of queries [q, d] and keys [n, d]; `apart`: projections of global tokens."""

    def weighted(self, weights: Doubles, value: Numbers, apart: bool) -> Doubles:
        """Return the sums of values [n, d] with weights [q, n]."""


class Heads(NamedTuple):
    """Operands in numbers or codes, [batch, heads, tokens, size]."""

    query: Numbers
    key: Numbers
    value: Numbers


def attend(
    op: Op, local: Heads, apart: Heads | None, beside: Mapping[str, Doubles], with_: Arithmetic
) -> Doubles:
    """Return the output (batch, heads, q_len, v_dim); 0 for a query that sees no key.

    `apart` are the projections of global tokens, where they have their own. `beside`: `mask`, 0 where a key
    is hidden; `bias`, which is added; `sinks`.
    """
    pattern = op.pattern
    batch, heads, queries, _ = local.query.shape
    out = np.zeros((batch, heads, queries, local.value.shape[-1]))
    for item in range(batch):
        for head in range(heads):
            for rows, keys, seen in _blocks(op, pattern, queries, local.key.shape[2], apart is not None):
                own = seen.own and apart is not None
                source = apart if own and apart is not None else local
                group = head // (heads // source.key.shape[1])
                query = source.query[item, head, seen.places if own else rows]
                scores = with_.scores(query, source.key[item, group, keys], own)
                weights = _softmax(op, scores, seen.mask, _part(op, beside, item, head, rows, keys))
                out[item, head, rows] = with_.weighted(weights, source.value[item, group, keys], own)
    return out


class _Seen(NamedTuple):
    mask: Bools | None  # [queries, keys]; None: all
    own: bool  # these are queries of global tokens
    places: Integers  # among the global tokens


def _blocks(
    op: Op, pattern: Pattern | None, queries: int, keys: int, separate: bool
) -> Iterator[tuple[Integers, Integers, _Seen]]:
    """Yield queries, the keys that some of them see, and which."""
    nothing = np.zeros(0, np.int64)
    if pattern is None:
        every = np.arange(keys)
        for rows in _cut(np.arange(queries), keys):
            causal = rows[:, None] >= every if op.attrs.get("causal") else None
            yield rows, every, _Seen(causal, False, nothing)
        return
    tokens = np.array(pattern.global_tokens, np.int64) - pattern.q_offset
    inside = (tokens >= 0) & (tokens < queries)
    places, tokens = np.flatnonzero(inside), tokens[inside]
    for some, own in ((np.setdiff1d(np.arange(queries), tokens), False), (tokens, True)):
        for start in range(0, len(some), BLOCK):
            block = some[start : start + BLOCK]
            near = pattern.reach(block)
            done = start
            for rows in _cut(block, len(near)):
                mask = pattern.mask(rows, near)
                used = mask.any(axis=0)
                which = places[done : done + len(rows)] if own and separate else nothing
                yield rows, near[used], _Seen(mask[:, used], own, which)
                done += len(rows)


def _cut(rows: Integers, keys: int) -> Iterator[Integers]:
    size = max(1, min(BLOCK, SCORES // max(1, keys)))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Beside(NamedTuple):
    bias: Doubles | None
    mask: Bools | None
    sink: float


def _part(
    op: Op, beside: Mapping[str, Doubles], item: int, head: int, rows: Integers, keys: Integers
) -> _Beside:
    found: dict[str, Doubles] = {}
    whole = op.dim("batch"), op.dim("heads"), *_lengths(op)
    for name in ("mask", "bias"):
        if name in beside:
            found[name] = np.broadcast_to(beside[name], whole)[item, head][np.ix_(rows, keys)]
    sink = float(beside["sinks"].reshape(-1)[head]) if "sinks" in beside else -math.inf
    return _Beside(found.get("bias"), found["mask"] != 0 if "mask" in found else None, sink)


def _lengths(op: Op) -> tuple[int, int]:
    pattern = op.pattern
    return (op.dim("q_len"), op.dim("kv_len")) if pattern is None else (pattern.q_len, pattern.seq_len)


def _softmax(op: Op, products: Doubles, mask: Bools | None, beside: _Beside) -> Doubles:
    """Return the weights [queries, keys]; those of a row and of its sink add up to 1."""
    scores: Doubles = products * op.attrs.get("scale", 1 / math.sqrt(op.dim("head_dim")))
    cap = op.attrs.get("softcap")
    if cap is not None:
        scores = cap * np.tanh(scores / cap)
    if beside.bias is not None:
        scores = scores + beside.bias
    for hidden in (mask, beside.mask):
        if hidden is not None:
            scores = np.where(hidden, scores, -np.inf)
    highest = scores.max(axis=1, initial=beside.sink, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0.0)
    powers: Doubles = np.exp(scores - highest)
    total = powers.sum(axis=1, keepdims=True) + np.exp(beside.sink - highest)
    np.divide(powers, total, where=total > 0, out=powers)
    return powers

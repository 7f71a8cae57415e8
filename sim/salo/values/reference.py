"""Attention over a sparse pattern in float64: what the fixed-point array is measured against.

Obeys the definition, softmax(q k / sqrt(head_dim)) v with base e over the pairs of the pattern, another scale
where one is stated, a learned sink one more term of the denominator, and nothing of the array: no schedule,
no tiles. Blocks of queries, and the keys in their reach alone, keep the memory linear in the sequence length
and the time linear in the pairs of narrow windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.types import Bools, Doubles, Floats, Integers
from tandemsim.sim.salo.values.tensors import Tensors

BLOCK = 256  # queries at once: their scores over a window of 512 keys are 1.6 MB per head
SCORES = 2**21  # of a block at once, 16 MiB: beside long rows of keys a block has fewer queries


class PairSet(Protocol):
    """What the reference needs of a pattern; `traces.pattern.Pattern` has it."""

    @property
    def global_tokens(self) -> Sequence[int]:
        """Tokens whose queries use projections of their own, where there are any."""

    @property
    def q_offset(self) -> int:
        """The token at which query 0 stands."""

    def mask(self, queries: npt.ArrayLike, keys: npt.ArrayLike, /) -> Bools:
        """Return which of `keys` each query attends, bool [len(queries), len(keys)]."""

    def reach(self, queries: npt.ArrayLike, /) -> Integers:
        """Return keys, sorted, among which are all that `queries` attend."""


def attention(pattern: PairSet, tensors: Tensors) -> Doubles:
    """Return the attention of all queries, float64 [heads, queries, v_dim]; 0 for a query without keys."""
    out = np.zeros((*tensors.query.shape[:2], tensors.v_dim))
    tokens = np.array(pattern.global_tokens, np.int64) - pattern.q_offset
    # Global queries reach far, so they stay among themselves.
    tokens = tokens[(tokens >= 0) & (tokens < tensors.q_len)]
    others = np.setdiff1d(np.arange(tensors.q_len), tokens)
    sinks = np.full(tensors.heads, -np.inf) if tensors.sinks is None else tensors.sinks.astype(np.float64)
    scale = 1 / np.sqrt(tensors.head_dim) if tensors.scale is None else tensors.scale
    _attend(pattern, others, tensors.query[:, others], tensors.key, tensors.value, (scale, sinks), out)
    queries, keys, values = tensors.query[:, tokens], tensors.key, tensors.value
    if (
        tensors.global_query is not None
        and tensors.global_key is not None
        and tensors.global_value is not None
    ):
        queries, keys, values = tensors.global_query, tensors.global_key, tensors.global_value
    _attend(pattern, tokens, queries, keys, values, (scale, sinks), out)
    return out


def _attend(
    pattern: PairSet,
    tokens: Integers,
    queries: Floats,
    keys: Floats,
    values: Floats,
    scores_of: tuple[float, Doubles],
    out: Doubles,
) -> None:
    """Write the outputs of some queries to `out`; `scores_of` are the scale and the sink of each head."""
    scale, sinks = scores_of
    group = len(queries) // len(keys)
    for start in range(0, len(tokens), BLOCK):
        near = pattern.reach(tokens[start : start + BLOCK])
        rows = max(1, min(BLOCK, SCORES // max(1, len(near))))
        for first in range(start, min(start + BLOCK, len(tokens)), rows):
            some = slice(first, min(first + rows, start + BLOCK))
            block = tokens[some]
            mask = pattern.mask(block, near)
            used = mask.any(axis=0)
            mask, attended = mask[:, used], near[used]
            for head in range(len(queries)):
                query = queries[head, some].astype(np.float64)
                key, value = (t[head // group, attended].astype(np.float64) for t in (keys, values))
                scores = query @ key.T * scale
                out[head, block] = _softmax(scores, mask, sinks[head]) @ value


def _softmax(scores: Doubles, mask: Bools, sink: float) -> Doubles:
    """Return the weights of the pairs in `mask`: those of a row and of `sink`, a logit, add up to 1. -inf: it
    has none.
    """
    highest = scores.max(axis=1, initial=sink, where=mask, keepdims=True)
    powers: Doubles = np.exp(scores - highest, where=mask, out=np.zeros_like(scores))
    total = powers.sum(axis=1, keepdims=True)
    if sink > -np.inf:
        total += np.exp(sink - highest)
    np.divide(powers, total, where=total > 0, out=powers)
    return powers

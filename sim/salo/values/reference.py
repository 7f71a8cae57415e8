"""Attention over a sparse pattern in float64: what the fixed-point array is measured against.

Obeys the definition, softmax(q k scale) v with base e over the pairs of the pattern, a learned
sink one more term of the denominator, and nothing of the array: no schedule, no tiles. Blocks of queries, and
the keys in their reach alone, keep the memory linear in the sequence length and the time linear in the pairs
of narrow windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.types import Bools, Doubles, Floats, Integers
from tandemsim.sim.salo.values.tensors import Tensors

BLOCK = 256  # queries at once: their scores over a window of 512 keys are 1.6 MB per head
SCORES = 2**21  # of a block at once, 16 MiB: beside long rows of keys a block has fewer queries


class Logits(NamedTuple):
    """What the scores of a layer are multiplied by, and the sink of each head, -inf where it has none."""

    scale: float
    sinks: Doubles


class PairSet(Protocol):
    """What the reference needs of a pattern; `traces.pattern.Pattern` has it."""

    @property
    def q_offset(self) -> int:
        """Token at which query 0 stands."""

    @property
    def global_tokens(self) -> Sequence[int]:
        """Tokens whose queries use projections of their own, where there are any."""

    def mask(self, queries: npt.ArrayLike, keys: npt.ArrayLike, /) -> Bools:
        """Return which of `keys` each query attends, bool [len(queries), len(keys)]."""

    def reach(self, queries: npt.ArrayLike, /) -> Integers:
        """Return keys, sorted, among which are all that `queries` attend."""


def attention(pattern: PairSet, tensors: Tensors) -> Doubles:
    """Return the attention of all queries, float64 [heads, q_len, v_dim]; 0 for a query without keys."""
    out = np.zeros(tensors.output_shape)
    at = np.array(pattern.global_tokens, np.int64) - pattern.q_offset
    global_ = at[(at >= 0) & (at < tensors.q_len)]
    others = np.setdiff1d(np.arange(tensors.q_len), global_)
    logits = Logits(
        1 / np.sqrt(tensors.head_dim) if tensors.scale is None else tensors.scale,
        np.full(tensors.heads, -np.inf) if tensors.sinks is None else np.float64(tensors.sinks),
    )
    _attend(pattern, others, tensors.query[:, others], tensors.key, tensors.value, logits, out)
    queries, keys, values = tensors.query[:, global_], tensors.key, tensors.value
    if (
        tensors.global_query is not None
        and tensors.global_key is not None
        and tensors.global_value is not None
    ):
        queries, keys, values = tensors.global_query, tensors.global_key, tensors.global_value
    _attend(pattern, global_, queries, keys, values, logits, out)
    return out


def _attend(
    pattern: PairSet,
    places: Integers,
    queries: Floats,
    keys: Floats,
    values: Floats,
    logits: Logits,
    out: Doubles,
) -> None:
    group = len(queries) // len(keys)
    for start in range(0, len(places), BLOCK):
        near = pattern.reach(places[start : start + BLOCK])
        rows = max(1, min(BLOCK, SCORES // max(1, len(near))))
        for first in range(start, min(start + BLOCK, len(places)), rows):
            some = slice(first, min(first + rows, start + BLOCK))
            block = places[some]
            mask = pattern.mask(block, near)
            used = mask.any(axis=0)
            mask, attended = mask[:, used], near[used]
            for head in range(len(queries)):
                query = queries[head, some].astype(np.float64)
                key, value = (t[head // group, attended].astype(np.float64) for t in (keys, values))
                weights = _softmax(query @ key.T * logits.scale, mask, logits.sinks[head])
                out[head, block] = weights @ value


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

"""One row of PEs in one pass: the values that leave its last column, computed for whole heads at a time.

Obeys: `sim.salo.pe`, whose functions say what each PE does; PEs that take no part pass everything on
unchanged and so do not appear here. When two precomputed bounds exclude saturation, sums are vectorized
without checking each step; this is what brings a layer down to seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.salo.constants import SaloConstants
from tandemsim.sim.arch.types import Doubles, Half, Halves, Integers
from tandemsim.sim.engine.fixed import shift_half_up
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.exp import exponential
from tandemsim.sim.salo.pe import add_product, join_row, multiply_accumulate, narrow_product, probability
from tandemsim.sim.salo.reciprocal import reciprocal

# A literal 0 would compile what it is passed to a second time. Any: type checkers keep it apart from int.
ZERO: Any = np.int64(0)


class Projection(NamedTuple):
    """Queries, keys and values of one head, raw, and float64 norms of the queries and of the keys."""

    query: Halves  # [q_len, head_dim]
    key: Halves  # [n, head_dim]
    value: Halves  # [n, v_dim]
    query_norm: Doubles
    key_norm: Doubles

    @property
    def head_dim(self) -> int:
        """Elements of a query and of a key."""
        return int(self.query.shape[1])

    @property
    def value_dim(self) -> int:
        """Elements of a value and of an output."""
        return int(self.value.shape[1])


class HeadOperands(NamedTuple):
    """What the array is given for one head, raw."""

    own: Projection
    for_globals: Projection | None = None  # of the global queries, where they have one of their own
    sink: int | None = None  # the logit of its sink, `SaloNumerics.score`; None: it has none


class RowScratch(NamedTuple):
    """What a row holds in a pass: int64 [PEs of the longest row], except psum."""

    keys: Integers  # tokens of the PEs that take part, from the left
    exponents: Integers
    mantissas: Integers
    shifts: Integers
    weights: Integers
    psum: Integers  # [v_dim]


def row_scratch(chain: int, v_dim: int) -> RowScratch:
    """Return scratch space for rows of `chain` PEs."""
    return RowScratch(
        keys=np.zeros(chain, np.int64),
        exponents=np.zeros(chain, np.int64),
        mantissas=np.zeros(chain, np.int64),
        shifts=np.zeros(chain, np.int64),
        weights=np.zeros(chain, np.int64),
        psum=np.zeros(v_dim, np.int64),
    )


def projection(query: npt.ArrayLike, key: npt.ArrayLike, value: npt.ArrayLike) -> Projection:
    """Return raw values as the kernels take them."""
    raw = [np.ascontiguousarray(array, Half) for array in (query, key, value)]
    norms = [np.sqrt((array.astype(np.int64) ** 2).sum(axis=1)) for array in raw[:2]]
    return Projection(raw[0], raw[1], raw[2], norms[0], norms[1])


@jit
def run_row(
    query: int,
    count: int,
    source: Projection,
    constants: SaloConstants,
    scratch: RowScratch,
    counters: Integers,
) -> tuple[int, int]:
    """Return (row_max, row_sum) of a row with `count` keys in `scratch`, and leave its psum there."""
    _scores(query, count, source, constants, scratch, counters)
    row_max, row_sum = constants.exponent_minimum, ZERO
    for pe in range(count):
        score = scratch.exponents[pe], scratch.mantissas[pe]
        joined = join_row(row_max, row_sum, score[0], score[1], constants, counters)
        row_max, row_sum, scratch.shifts[pe], scratch.weights[pe] = joined
    if not constants.deferred:
        _normalize(count, row_max, row_sum, constants, scratch, counters)
    _weighted_sum(count, source.value, constants, scratch, counters)
    return row_max, row_sum


@jit
def _scores(
    query: int,
    count: int,
    source: Projection,
    constants: SaloConstants,
    scratch: RowScratch,
    counters: Integers,
) -> None:
    # By Cauchy and Schwarz no partial sum exceeds the product of the norms.
    safe_norm = constants.score_maximum / (source.query_norm[query] + 1.0)
    for pe in range(count):
        key = scratch.keys[pe]
        if source.key_norm[key] < safe_norm:
            score = _dot(source.query, query, source.key, key)
        else:
            score = ZERO
            for n in range(source.query.shape[1]):
                factors = int(source.query[query, n]), int(source.key[key, n])
                score = multiply_accumulate(score, factors[0], factors[1], constants, counters)
        scratch.exponents[pe], scratch.mantissas[pe] = exponential(score, constants, counters)


@jit
def _dot(query: Halves, query_index: int, key: Halves, key_index: int) -> int:
    total = 0
    for n in range(query.shape[1]):
        total += int(query[query_index, n]) * int(key[key_index, n])
    return total


@jit
def _normalize(
    count: int, row_max: int, row_sum: int, constants: SaloConstants, scratch: RowScratch, counters: Integers
) -> None:
    inverse, exponent = reciprocal(row_sum, constants.reciprocal)
    exponent += row_max
    for pe in range(count):
        score = scratch.exponents[pe], scratch.mantissas[pe]
        scratch.weights[pe] = probability(score[0], score[1], inverse, exponent, constants, counters)


@jit
def _weighted_sum(
    count: int, values: Halves, constants: SaloConstants, scratch: RowScratch, counters: Integers
) -> None:
    psum = scratch.psum
    for n in range(len(psum)):
        psum[n] = 0
    safe = _cannot_saturate(count, constants, scratch)
    for pe in range(count):
        key, shift, weight = scratch.keys[pe], scratch.shifts[pe], scratch.weights[pe]
        if not safe:
            for n in range(len(psum)):
                psum[n] = add_product(psum[n], shift, weight, int(values[key, n]), constants, counters)
            continue
        if pe > 0 and shift > 0:  # before the first PE the sum is 0
            for n in range(len(psum)):
                psum[n] = shift_half_up(psum[n], shift)
        if constants.product_drop == 0:
            for n in range(len(psum)):
                psum[n] += weight * int(values[key, n])
        else:
            for n in range(len(psum)):
                psum[n] += narrow_product(weight * int(values[key, n]), constants)


@jit
def _cannot_saturate(count: int, constants: SaloConstants, scratch: RowScratch) -> bool:
    """Whether all values at their highest stay inside a partial sum; alignment only shrinks the sum."""
    highest = 0
    for pe in range(count):
        highest += scratch.weights[pe]
    highest = (highest << constants.value_bits) + 1
    drop = constants.product_drop
    highest = (highest >> drop) + 1 if drop > 0 else highest << -drop
    return highest + count < constants.psum_maximum  # each PE rounds twice, by a half at most

"""The array against exact rationals: each unit's formulas once more, without a shift or a mask.

Random tiles, of which no pattern would ever make use, so that every mask, port and format is met.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.formats import Fixed, Rounding
from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation, SaloNumerics
from tandemsim.sim.arch.settings import with_settings
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.registers import SATURATIONS
from tandemsim.sim.salo.row import projection

HALF = Fraction(1, 2)
TOKENS = 12


def half_up(value: Fraction) -> int:
    return math.floor(value + HALF)


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


@dataclass
class Row:
    """State of a weighted-sum unit."""

    top: int
    total: int = 0
    sums: list[int] = field(default_factory=list)


class Oracle:
    def __init__(self, array: SaloArray, numerics: SaloNumerics) -> None:
        self.array, self.numerics = array, numerics
        self.deferred = array.normalisation is Normalisation.DEFERRED
        self.formats = numerics.deferred if self.deferred else numerics.per_pass
        self.clipped: Counter[str] = Counter()

    def clip(self, name: str, value: int, fixed: Fixed, lowest: int | None = None) -> int:
        low = fixed.minimum if lowest is None else lowest
        if not low <= value <= fixed.maximum:
            self.clipped[name] += 1
        return min(max(value, low), fixed.maximum)

    def power_of_two(self, query: list[int], key: list[int]) -> tuple[int, int]:
        """(exponent, mantissa) of 2^score."""
        score = 0
        for q, k in zip(query, key, strict=True):
            score = self.clip("score", score + q * k, self.numerics.score)
        return self.exponential(score)

    def exponential(self, score: int) -> tuple[int, int]:
        exp = self.numerics.exp
        root = math.ceil(math.log2(math.sqrt(self.array.head_dim)))
        log2 = Fraction(score, self.numerics.score.scale) / 2**root
        cut = math.floor(log2 * 2**exp.fraction_bits)
        units = 2**exp.fraction_bits
        low, high = -(2 ** (exp.exponent_width - 1)) * units, 2 ** (exp.exponent_width - 1) * units - 1
        if not low <= cut <= high:
            self.clipped["exponent"] += 1
        exponent, x = divmod(min(max(cut, low), high), units)
        segment = x * len(exp.slopes) // units
        mantissa = (
            math.floor(Fraction(exp.slopes[segment] * x, 2**exp.slope_fraction)) + exp.intercepts[segment]
        )
        return exponent, mantissa

    def reciprocal(self, value: int) -> Fraction:
        """1/value as the table of chords has it."""
        if value == 0:
            return Fraction(0)
        config = self.numerics.reciprocal
        exponent = int(math.log2(value))
        exponent += (2 ** (exponent + 1) <= value) - (2**exponent > value)
        ends = [
            half_up(Fraction(2**config.fraction * config.segments, config.segments + i))
            for i in range(config.segments + 1)
        ]
        x = (Fraction(value) / 2**exponent - 1) * config.segments
        segment = math.floor(x)
        steps = 2**config.fraction // config.segments
        offset = math.floor((x - segment) * steps)
        mantissa = ends[segment] - half_up(Fraction((ends[segment] - ends[segment + 1]) * offset, steps))
        return Fraction(mantissa, 2**config.fraction) / 2**exponent

    def row(
        self, query: list[int], keys: list[list[int]], values: list[list[int]]
    ) -> tuple[int, int, list[int]]:
        """(maximum, row sum, partial sums) that leave a row of these PEs."""
        n = self.numerics
        top, total, powers, shifts, weights = -(2 ** (n.exp.exponent_width - 1)), 0, [], [], []
        for key in keys:
            exponent, mantissa = self.power_of_two(query, key)
            share = Fraction(mantissa, 2**n.exp.fraction_bits) * power(exponent)
            joined = max(top, exponent)
            shifts.append(joined - top)
            total, top = half_up(total / power(joined - top)), joined
            if self.deferred:
                weights.append(self.clip("weight", half_up(share / power(top) * n.weight.scale), n.weight, 0))
                total += weights[-1] * n.row_sum.scale // n.weight.scale
            else:
                total += half_up(share / power(top) * n.row_sum.scale)
            total = self.clip("row_sum", total, n.row_sum, 0)
            powers.append(share)
        if not self.deferred:
            inverse = self.reciprocal(total) * n.row_sum.scale
            probs = [half_up(share / power(top) * inverse * n.weight.scale) for share in powers]
            weights = [self.clip("weight", prob, n.weight, 0) for prob in probs]
            shifts = [0] * len(keys)
        return top, total, self.weighted(shifts, weights, values)

    def weighted(self, shifts: list[int], weights: list[int], values: list[list[int]]) -> list[int]:
        psum, n = self.formats.psum, self.numerics
        scale = Fraction(psum.scale, n.weight.scale * n.input.scale)
        rounding: Callable[[Fraction], int] = (
            round if self.formats.psum_rounding is Rounding.HALF_EVEN else half_up
        )
        sums = [0] * self.array.head_dim
        for shift, weight, value in zip(shifts, weights, values, strict=True):
            moved = [half_up(old / power(shift)) for old in sums]
            new = [old + rounding(weight * v * scale) for old, v in zip(moved, value, strict=True)]
            sums = [self.clip("psum", one, psum) for one in new]
        return sums

    def merge(self, row: Row, part: tuple[int, int, list[int]], merge: Fixed) -> Row:
        n = self.numerics
        top = max(row.top, part[0])
        total = half_up(row.total / power(top - row.top)) + half_up(part[1] / power(top - part[0]))
        top += total >= 2**n.renormalise_at * n.row_sum.scale
        new_total = half_up(part[1] / power(top - part[0]))
        total = half_up(row.total / power(top - row.top)) + new_total
        if self.deferred:
            pairs = zip(row.sums, part[2], strict=True)
            sums = [half_up(a / power(top - row.top)) + half_up(b / power(top - part[0])) for a, b in pairs]
        else:
            share = Fraction(self.share(new_total, total), 2**n.merge_weight_fraction)
            ratio = Fraction(merge.scale, self.formats.psum.scale)
            sums = [
                half_up((1 - share) * a + share * b * ratio) for a, b in zip(row.sums, part[2], strict=True)
            ]
        assert top < 2 ** (n.merge_exponent_width - 1)
        return Row(top, total, [self.clip("merge", one, merge) for one in sums])

    def share(self, part: int, total: int) -> int:
        one = 2**self.numerics.merge_weight_fraction
        if part == total:
            return one if part else 0
        return min(one, half_up(part * self.reciprocal(total) * one))

    def outputs(self, row: Row, merge: Fixed) -> list[int]:
        out = self.numerics.output
        factor = Fraction(out.scale, merge.scale)
        if self.deferred:
            factor *= self.reciprocal(row.total) * self.numerics.row_sum.scale
        return [self.clip("output", half_up(one * factor), out) for one in row.sums]

    def fresh(self, sink: int | None) -> Row:
        """A row that has seen no key; the sink is a score, its row sum a mantissa in the sum's fraction."""
        top, total, n = -(2 ** (self.numerics.exp.exponent_width - 1)), 0, self.numerics
        if sink is not None:
            top, mantissa = self.exponential(sink)
            total = half_up(Fraction(mantissa * n.row_sum.scale, 2**n.exp.fraction_bits))
        return Row(top, total, [0] * self.array.head_dim)

    def run(self, s, own: Any, apart: Any, sink: int | None = None) -> np.ndarray:
        """A schedule, PE by PE."""
        fresh = self.fresh(sink)
        units: dict[tuple[str, int], Row] = {}
        spilled: dict[int, Row] = {}
        out = np.zeros((s.seq_len, self.array.head_dim), np.int64)

        def work(
            unit: tuple[str, int], query: int, keys: list[int], operands: Any, merge: Fixed, start: Row | None
        ) -> Row:
            q, k, v = operands
            row = start or units[unit]
            part = self.row(q[query], [k[key] for key in keys], [v[key] for key in keys])
            units[unit] = self.merge(row, part, merge)
            return units[unit]

        for tile in range(s.tiles):
            block = s.block[tile]
            for i in range(self.array.rows):
                query = int(s.block_rows[block, i])
                if query < 0:
                    continue
                start = None
                if s.first[tile]:
                    start = spilled.get(query, fresh) if s.restore[block] else fresh
                operands = apart if s.source[tile] else own
                row = work(
                    ("local", i),
                    query,
                    local_keys(s, self.array, tile, i),
                    operands,
                    self.formats.merge,
                    start,
                )
                if s.last[tile] and s.spill[block]:
                    spilled[query] = row
                elif s.last[tile]:
                    out[query] = self.outputs(row, self.formats.merge)
            for g in range(self.array.global_rows):
                query = int(s.row_query[tile, g])
                if query < 0:
                    continue
                keys = [int(s.row_keys.keys[tile, g, j]) for j in np.flatnonzero(s.row_keys.valid[tile, g])]
                operands = apart if s.private_rows or s.source[tile] else own
                start = fresh if s.row_first[tile, g] else None
                row = work(("global", g), query, keys, operands, self.formats.global_merge, start)
                if s.row_last[tile, g]:
                    out[query] = self.outputs(row, self.formats.global_merge)
        return out


def local_keys(s: Any, array: SaloArray, tile: int, i: int) -> list[int]:
    keys = []
    for j in range(array.cols):
        segment, place = divmod(j, array.segment_cols)
        slot = i + array.segment_cols - 1 - place
        tags = s.slots.row_tag[tile, segment, i], s.slots.key_tag[tile, segment, slot]
        if s.slots.col_mask[tile, j] and s.slots.local_valid[tile, segment, slot] and tags[0] == tags[1]:
            keys.append(int(s.slots.keys[tile, segment, slot]))
    return keys + [int(key) for key in s.column_keys[tile] if key >= 0]


def random_schedule(rng: np.random.Generator, array: SaloArray, blank_schedule: Any) -> Any:
    """Six blocks of tiles that hold anything, of one to four tiles; blocks are spilled and restored."""
    blocks = 6
    block = np.repeat(np.arange(blocks), rng.integers(1, 5, blocks))
    block_rows = np.stack([rng.permutation(TOKENS)[: array.rows] for _ in range(blocks)])
    block_rows[rng.random(block_rows.shape) < 0.2] = -1
    s = blank_schedule(array, block, block_rows, TOKENS)
    for keys, chance in (
        (s.slots.keys, 0.1),
        (s.row_keys.keys, 0.1),
        (s.column_keys, 0.5),
        (s.row_query, 0.0),
    ):
        keys[:] = np.where(rng.random(keys.shape) < chance, -1, rng.integers(0, TOKENS, keys.shape))
    s.slots.local_valid[:] = (rng.random(s.slots.keys.shape) < 0.8) & (s.slots.keys >= 0)
    s.row_keys.valid[:] = (rng.random(s.row_keys.keys.shape) < 0.6) & (s.row_keys.keys >= 0)
    s.slots.col_mask[:] = rng.random(s.slots.col_mask.shape) < 0.9
    s.slots.key_tag[:] = rng.random(s.slots.key_tag.shape) < 0.3
    s.slots.row_tag[:] = rng.random(s.slots.row_tag.shape) < 0.3
    s.source[:] = rng.random(s.tiles) < 0.3
    s.row_query[:] = s.row_query[:1]
    s.row_first[0] = s.row_last[-1] = True
    s.spill[:], s.restore[:] = rng.random((2, blocks)) < 0.4
    s.private_rows = bool(rng.integers(2))
    return s


NARROW = with_settings(  # saturates everywhere; `SaloConfig` would refuse it
    WIDE,
    {
        "score.width": 19, "exp.exponent_width": 4, "row_sum.width": 15, "output.width": 13,
        "deferred.psum.width": 17, "per_pass.psum.width": 16, "per_pass.psum_rounding": "half_up",
        "per_pass.merge.width": 15, "renormalise_at": 3, "deferred.merge.width": 21,
    },
)  # fmt: skip
FORMATS = {"published": PUBLISHED, "wide": WIDE, "narrow": NARROW}


class Case:
    """A random array, schedule and operands."""

    def __init__(self, seed: int, numerics: SaloNumerics, normalisation: Normalisation, blank: Any) -> None:
        rng = np.random.default_rng(seed)
        segments = int(rng.integers(1, 3))
        self.array = SaloArray(
            rows=int(rng.integers(2, 5)),
            cols=segments * int(rng.integers(2, 5)),
            column_segments=segments,
            global_rows=int(rng.integers(0, 3)),
            global_cols=int(rng.integers(0, 3)),
            head_dim=int(rng.integers(3, 20)),
            normalisation=normalisation,
            sinks=seed % 2 == 1,
        )
        self.schedule = random_schedule(rng, self.array, blank)
        shape, spread = (TOKENS, self.array.head_dim), rng.choice([0.5, 1.0, 3.0])
        self.raw = [numerics.input.quantize(rng.standard_normal(shape) * spread)[0] for _ in range(6)]
        config: Any = SimpleNamespace(array=self.array, numerics=numerics)
        self.sink = None
        if self.array.sinks:  # near the best score of some query, so that it counts beside the keys
            score, best = numerics.score, int((self.raw[0] @ self.raw[1].T).max(axis=1).min())
            raw = best + round(rng.normal() * score.scale * 2**self.array.score_shift)
            self.sink = min(max(raw, score.minimum), score.maximum)
        own, apart = projection(*self.raw[:3]), projection(*self.raw[3:])
        self.found = PEArray(config).run(self.schedule, own, apart, self.sink)


@pytest.mark.parametrize("normalisation", list(Normalisation))
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(6))
def test_every_output_and_every_saturation_is_that_of_exact_rationals(
    seed: int, name: str, normalisation: Normalisation, blank_schedule: Any
) -> None:
    case = Case(seed, FORMATS[name], normalisation, blank_schedule)
    oracle = Oracle(case.array, FORMATS[name])
    own, apart = ([array.tolist() for array in half] for half in (case.raw[:3], case.raw[3:]))
    np.testing.assert_array_equal(case.found.output, oracle.run(case.schedule, own, apart, case.sink))
    assert {key: count for key, count in case.found.saturations.items() if count} == dict(oracle.clipped)


def test_the_narrow_formats_saturate_in_every_register(blank_schedule: Any) -> None:
    """So the test above has seen every bound; the merge exponent alone has room for any sequence."""
    met = set()
    for seed in range(6):
        for normalisation in Normalisation:
            found = Case(seed, NARROW, normalisation, blank_schedule).found
            met |= {name for name, count in found.saturations.items() if count}
    assert met == set(SATURATIONS) - {"merge_exponent", "weight"}  # a weight too narrow is no `SaloNumerics`

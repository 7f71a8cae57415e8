"""What does not fit its register takes the nearest bound, is counted under that register's name, and never
wraps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import array_constants, merge_constants
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation, SaloNumerics
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.settings import with_settings
from tandemsim.sim.salo.exp import exponential
from tandemsim.sim.salo.pe import add_product, join_row, multiply_accumulate
from tandemsim.sim.salo.registers import SATURATIONS, no_saturations
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import attend
from tandemsim.sim.salo.values.tensors import Tensors
from tandemsim.sim.salo.weighted_sum import align, merge, output
from tandemsim.traces.pattern import Pattern

BOTH = pytest.mark.parametrize("normalisation", list(Normalisation))
SEQ_LEN, REACH = 512, 100
LOG2_E = 1.4426950408889634
PATTERN = Pattern.longformer(SEQ_LEN, 2 * REACH)


def attended() -> np.ndarray:
    token = np.arange(SEQ_LEN)
    mask = np.abs(token[:, None] - token) <= REACH
    mask[0] = mask[:, 0] = True
    return mask


def normal(sigma: float, seed: int = 0) -> Tensors:
    query, key, value = np.random.default_rng(seed).standard_normal((3, 1, SEQ_LEN, 64))
    return Tensors(query * sigma, key * sigma, value)


def run(
    tensors: Tensors, normalisation: Normalisation, numerics: SaloNumerics = PUBLISHED
) -> tuple[np.ndarray, dict[str, int]]:
    array = replace(SALO.array, normalisation=normalisation)
    config: SaloConfig = replace(SALO, array=array, numerics=numerics)
    out, counts = attend(schedule(PATTERN, array), PATTERN.global_tokens, tensors, config)
    return out[0], counts


def stored(values: np.ndarray) -> np.ndarray:
    """Raw elements of 8 bits, 4 of them fraction."""
    return np.clip(np.rint(values * 16), -128, 127).astype(int)


@BOTH
@pytest.mark.parametrize("sigma", [2, 3, 4])
def test_scores_beyond_the_exponent_weigh_as_its_bound(sigma: float, normalisation: Normalisation) -> None:
    """Against float64 powers of scores that stop at -16 and just below 16; wrapped, -17 would weigh as 15."""
    tensors = normal(sigma)
    query, key, value = (
        stored(operand[0]) for operand in (tensors.query * LOG2_E, tensors.key, tensors.value)
    )
    eighths = (query @ key.T) >> 3  # 1/8 of the score, 8 fraction bits
    beyond = ((eighths < -16 * 256) | (eighths > 16 * 256 - 1)) & attended()
    powers = 2.0 ** (np.clip(eighths, -16 * 256, 16 * 256 - 1) / 256) * attended()
    expected = powers @ (value / 16) / powers.sum(axis=1, keepdims=True)
    found, counts = run(tensors, normalisation)
    assert np.abs(found - expected).mean() < 0.006
    assert np.abs(found - expected).max() < 0.04
    assert counts["exponent"] == beyond.sum() > 0
    assert counts["query"] == (np.abs(tensors.query * LOG2_E * 16 + 0.5) > 128).sum() > 0


@BOTH
def test_wide_formats_have_room_for_twice_the_spread(normalisation: Normalisation) -> None:
    tensors = normal(2.0)
    scores = tensors.query[0] @ tensors.key[0].T / 8
    powers = np.exp(scores) * attended()
    expected = powers @ tensors.value[0] / powers.sum(axis=1, keepdims=True)
    found, counts = run(tensors, normalisation, WIDE)
    assert np.abs(found - expected).mean() < 0.005
    assert sum(counts.values()) == 0


@BOTH
@pytest.mark.parametrize("sign", [1, -1])
def test_huge_operands_keep_their_sign_and_are_counted_one_by_one(
    sign: int, normalisation: Normalisation
) -> None:
    tensors = normal(1e6)
    huge = replace(tensors, value=np.full_like(tensors.value, sign * 1e30))
    found, counts = run(huge, normalisation)
    bound = 127 / 16 if sign > 0 else -8.0
    # Per pass each of 33 probabilities is off by half a unit of 7 fraction bits at most.
    np.testing.assert_allclose(found, bound, rtol=33 / 256)
    assert (np.abs(tensors.query) > 8).all()
    assert [counts[name] for name in ("query", "key", "value")] == [SEQ_LEN * 64] * 3
    assert counts["exponent"] > 0.7 * PATTERN.pairs()


def test_an_operand_that_is_no_number_is_refused() -> None:
    tensors = normal(1.0)
    tensors.key[0, 5, 5] = np.inf
    with pytest.raises(ValueError, match="only finite values can be quantized"):
        run(tensors, Normalisation.DEFERRED)


@BOTH
def test_an_output_that_is_too_narrow_ends_at_its_bounds(normalisation: Normalisation) -> None:
    """8 bits, all of them fraction: -0.5 to 127/256."""
    tensors = normal(1.0)
    free, _ = run(tensors, normalisation)
    found, counts = run(tensors, normalisation, with_settings(PUBLISHED, {"output.width": 8}))
    np.testing.assert_array_equal(found, np.clip(free, -0.5, 127 / 256))
    outside = ((free < -0.5) | (free > 127 / 256)).sum()
    assert counts == dict.fromkeys(counts, 0) | {"output": outside}
    assert outside > 0


def test_a_merge_buffer_that_is_too_narrow_is_counted() -> None:
    numerics = with_settings(PUBLISHED, {"per_pass.merge.width": 8})
    found, counts = run(normal(1.0), Normalisation.PER_PASS, numerics)
    assert counts == dict.fromkeys(counts, 0) | {"merge": counts["merge"]}
    assert counts["merge"] > 0
    assert np.abs(found[1:]).max() <= 0.5  # of the local rows: the global row has a buffer of its own


ROW = array_constants(PUBLISHED, Normalisation.DEFERRED, 64)
PER_PASS_ROW = array_constants(PUBLISHED, Normalisation.PER_PASS, 64)
UNIT = merge_constants(PUBLISHED, Normalisation.DEFERRED, global_row=False)
PER_PASS_UNIT = merge_constants(PUBLISHED, Normalisation.PER_PASS, global_row=True)
SCORE, SUM, PSUM, MERGED, OUTPUT = 2**17, 2**18, 2**23, 2**23, 2**17
NARROW_WEIGHT = ROW._replace(weight_maximum=200)
Case = tuple[str, Callable[[Any], object], object]
CASES: list[Case] = [
    ("score", lambda c: multiply_accumulate(SCORE - 1, 1, 1, ROW, c), SCORE - 1),
    ("score", lambda c: multiply_accumulate(-SCORE, -1, 1, ROW, c), -SCORE),
    ("exponent", lambda c: exponential(16 << 11, ROW, c), (15, 503)),
    ("exponent", lambda c: exponential((-16 << 11) - 1, ROW, c), (-16, 255)),
    ("weight", lambda c: join_row(0, 0, 0, 503, NARROW_WEIGHT, c), (0, 200 << 4, 0, 200)),
    ("row_sum", lambda c: join_row(0, SUM - 1, 0, 256, ROW, c), (0, SUM - 1, 0, 128)),
    ("row_sum", lambda c: join_row(0, SUM - 1, 0, 256, PER_PASS_ROW, c), (0, SUM - 1, 0, 0)),
    ("psum", lambda c: add_product(PSUM - 1, 0, 1, 1, ROW, c), PSUM - 1),
    ("psum", lambda c: add_product(-PSUM, 0, 1, -1, ROW, c), -PSUM),
    # The exponent has 6 bits: a row sum of 2^8 at 2^31 would need 2^32.
    ("merge_exponent", lambda c: align(31, 2**19 - 1, 31, 1, UNIT, c)[0], 31),
    ("merge", lambda c: merge(MERGED - 1, 1, 0, 0, 0, UNIT, c), MERGED - 1),
    ("merge", lambda c: merge(-MERGED, -1, 0, 0, 0, UNIT, c), -MERGED),
    # All weight on a pass whose sum, 11 fraction bits, does not fit with 14.
    ("merge", lambda c: merge(0, 2**22, 0, 0, 2**16, PER_PASS_UNIT, c), MERGED - 1),
    ("output", lambda c: output(MERGED - 1, 2**18, 0, UNIT, c), OUTPUT - 1),
    ("output", lambda c: output(-MERGED, 2**18, 0, UNIT, c), -OUTPUT),
    ("output", lambda c: output(MERGED - 1, 0, 0, PER_PASS_UNIT, c), OUTPUT - 1),
]


@pytest.mark.parametrize(("name", "work", "bound"), CASES, ids=[f"{i} {c[0]}" for i, c in enumerate(CASES)])
def test_a_register_that_overflows_by_one_is_counted_under_its_name_alone(
    name: str, work: Callable[[Any], object], bound: object
) -> None:
    counters = no_saturations()
    assert work(counters) == bound
    counted = dict(zip(SATURATIONS, counters.tolist(), strict=True))
    assert counted == {register: int(register == name) for register in SATURATIONS}


def test_every_register_that_narrows_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(SATURATIONS)

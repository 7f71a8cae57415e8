"""The accuracy that docs/salo.md promises: scheduled layers of N(0, 1) against float64 softmax, written down
once more here.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, PUBLISHED, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.exp import ExpUnit, ExpUnitInputs
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import attend
from tandemsim.sim.salo.values.tensors import Tensors
from tandemsim.traces.pattern import Pattern

BOUNDS = {
    ("published", Normalisation.PER_PASS): 0.005,
    ("published", Normalisation.DEFERRED): 0.0025,
    ("wide", Normalisation.PER_PASS): 0.001,
    ("wide", Normalisation.DEFERRED): 0.001,
}
ALL = pytest.mark.parametrize(("name", "normalisation"), BOUNDS)


def config_of(name: str, normalisation: Normalisation, head_dim: int = 64) -> SaloConfig:
    array = replace(SALO.array, normalisation=normalisation, head_dim=head_dim)
    return replace(SALO, array=array, numerics=NUMERICS[name])


def normal(seed: int, seq_len: int, head_dim: int, mean_value: float = 0.0) -> Tensors:
    query, key, value = np.random.default_rng(seed).standard_normal((3, 1, seq_len, head_dim))
    return Tensors(query, key, value + mean_value)


def softmax_attention(tensors: Tensors, reach: int) -> np.ndarray:
    """Window of `reach` keys on each side, token 0 global: [n, head_dim]."""
    query, key, value = tensors.query[0], tensors.key[0], tensors.value[0]
    token = np.arange(len(query))
    attends = np.abs(token[:, None] - token) <= reach
    attends[0] = attends[:, 0] = True
    scores = query @ key.T / math.sqrt(query.shape[1])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True)) * attends
    return powers @ value / powers.sum(axis=1, keepdims=True)


def computed(config: SaloConfig, tensors: Tensors, reach: int) -> tuple[np.ndarray, dict[str, int]]:
    """The same on the array."""
    pattern = Pattern.longformer(tensors.seq_len, 2 * reach, (0,))
    plan = schedule(pattern, config.array, config.scheduling)
    out, saturations = attend(plan, pattern.global_tokens, tensors, config)
    return out[0], saturations


@ALL
@pytest.mark.parametrize("seed", range(2))
def test_mean_error_over_513_keys_is_within_its_bound_and_nothing_saturates(
    seed: int, name: str, normalisation: Normalisation
) -> None:
    tensors = normal(seed, 1024, 64)
    found, saturations = computed(config_of(name, normalisation), tensors, 256)
    expected = softmax_attention(tensors, 256)
    assert np.abs(found - expected).mean() <= BOUNDS[name, normalisation]
    assert sum(saturations.values()) == 0
    assert 0.06 < np.abs(expected).mean() < 0.065  # so the error is no smaller for want of a signal


@ALL
def test_errors_have_no_bias(name: str, normalisation: Normalisation) -> None:
    """Truncated alignments would take 0.4 % off the row sum, so add 0.013 to values around 3."""
    tensors = normal(2, 1024, 64, mean_value=3.0)
    found, saturations = computed(config_of(name, normalisation), tensors, 256)
    assert abs((found - softmax_attention(tensors, 256)).mean()) < 0.001
    assert sum(saturations.values()) == 0


@pytest.mark.parametrize("normalisation", list(Normalisation))
@pytest.mark.parametrize("head_dim", [1, 8, 16, 32, 48, 64, 96, 128])
def test_a_head_of_any_size_is_scaled_by_its_own_root(head_dim: int, normalisation: Normalisation) -> None:
    """On an array of that size, where a shift stands for the root and the query carries the rest."""
    tensors = normal(3, 200, head_dim)
    found, _ = computed(config_of("wide", normalisation, head_dim), tensors, 40)
    assert np.abs(found - softmax_attention(tensors, 40)).mean() <= 0.0015  # 81 keys: larger outputs


@pytest.mark.parametrize(("head_dim", "shift"), [(16, 2), (32, 3), (64, 3), (128, 4), (256, 4)])
def test_the_root_of_the_head_size_is_a_shift_of_the_score(head_dim: int, shift: int) -> None:
    """2 to the raw score, 8 fraction bits and `shift` more: all of it in the place where bits are read."""
    unit = ExpUnit(config_of("published", Normalisation.DEFERRED, head_dim))
    for exponent in (-3, 0, 2):
        for eighth in range(8):
            score = (8 * exponent + eighth) << (5 + shift)
            assert unit(ExpUnitInputs(score)) == (exponent, PUBLISHED.exp.mantissa(32 * eighth))


@pytest.mark.parametrize(("head_dim", "rest"), [(16, 1.0), (48, 8 / math.sqrt(48)), (64, 1.0)])
def test_log2_e_is_folded_into_the_query_before_its_only_quantization(head_dim: int, rest: float) -> None:
    """With it what the shift leaves of the root. Rounded before and after, it would be another query."""
    factor = math.log2(math.e) * rest
    config = config_of("published", Normalisation.DEFERRED, head_dim)
    pattern = Pattern.sliding(96, 33)
    plan = schedule(pattern, config.array)
    tensors = normal(4, 96, head_dim)
    once = np.rint(tensors.query[0] * factor * 16).astype(int)
    twice = np.rint(np.rint(tensors.query[0] * 16) * factor).astype(int)
    key, value = (np.rint(operand[0] * 16).astype(int) for operand in (tensors.key, tensors.value))
    found = attend(plan, (), tensors, config)[0][0] * 256
    outputs = [PEArray(config).run(plan, projection(query, key, value)).output for query in (once, twice)]
    np.testing.assert_array_equal(found, outputs[0])
    assert (outputs[0] != outputs[1]).any()

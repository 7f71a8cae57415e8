"""Learned sinks: one more logit a head in the denominator, through schedule and array, against float64."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, PUBLISHED, Normalisation
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.tile_words import commands
from tandemsim.sim.salo.values.functional import attend, operands, run
from tandemsim.sim.salo.values.reference import attention
from tandemsim.sim.salo.values.tensors import Operands, Tensors, load_tensors, random_tensors
from tandemsim.traces.pattern import Band, Pattern

BOUNDS = {
    ("published", Normalisation.PER_PASS): 0.005,
    ("published", Normalisation.DEFERRED): 0.0025,
    ("wide", Normalisation.PER_PASS): 0.001,
    ("wide", Normalisation.DEFERRED): 0.001,
}
ALL = pytest.mark.parametrize(("name", "normalisation"), BOUNDS)
PATTERNS = {
    "causal window": Pattern(seq_len=300, bands=(Band(-63, 0, 1),)),
    "longformer": Pattern.longformer(300, 64, (0, 150)),
    "two sweeps": Pattern(seq_len=300, bands=(Band(-20, 20, 1), Band(-60, 60, 4))),
    "second sweep alone": Pattern(seq_len=300, bands=(Band(200, 210, 1), Band(-300, -100, 4))),
    "no key": Pattern(seq_len=40, bands=(Band(20, 39, 1),)),
    "vil": Pattern.vil(16, 16, 7),
}


def config_of(name: str, normalisation: Normalisation, head_dim: int = 64) -> SaloConfig:
    array = replace(SALO.array, normalisation=normalisation, head_dim=head_dim)
    return replace(SALO, array=array, numerics=NUMERICS[name])


def with_sinks(tensors: Tensors, *logits: float) -> Tensors:
    return replace(tensors, sinks=np.array(logits))


def definition(pattern: Pattern, tensors: Tensors) -> np.ndarray:
    """Softmax over the keys and the sink, all at once; the sink's weight meets no value."""
    out = []
    for query, key, value, sink in zip(
        tensors.query, tensors.key, tensors.value, np.float64(tensors.sinks), strict=True
    ):
        scores = np.float64(query) @ np.float64(key).T / math.sqrt(query.shape[1])
        powers = np.exp(scores) * pattern.mask(np.arange(pattern.seq_len))
        out.append(powers @ value / (powers.sum(axis=1, keepdims=True) + np.exp(sink)))
    return np.array(out)


@pytest.mark.parametrize("name", PATTERNS)
def test_reference_adds_the_sink_to_the_denominator(name: str) -> None:
    tensors = with_sinks(random_tensors(3, PATTERNS[name].seq_len, 8, seed=1), -4.0, 0.5, 30.0)
    np.testing.assert_allclose(
        attention(PATTERNS[name], tensors), definition(PATTERNS[name], tensors), atol=1e-12
    )


@ALL
def test_mean_error_over_513_keys_is_within_the_bounds_without_a_sink(
    name: str, normalisation: Normalisation
) -> None:
    config, pattern = config_of(name, normalisation), Pattern.longformer(1024, 512, (0,))
    tensors = with_sinks(random_tensors(3, 1024, 64, seed=2), -2.0, 2.0, 6.0)
    plan = schedule(pattern, config.array, config.scheduling)
    found, saturations = attend(plan, pattern.global_tokens, tensors, config)
    errors = np.abs(found - definition(pattern, tensors)).mean(axis=(1, 2))
    assert (errors <= BOUNDS[name, normalisation]).all()
    assert sum(saturations.values()) == 0


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_every_row_of_every_pattern_begins_with_the_sink_of_its_head(
    normalisation: Normalisation, name: str
) -> None:
    pattern, config = PATTERNS[name], config_of("wide", normalisation)
    tensors = with_sinks(random_tensors(3, pattern.seq_len, 64, seed=3), -1.0, 3.0, 5.0)
    found = run(schedule(pattern, config.array), pattern, tensors, config)
    assert found.mean_abs_error <= 0.002
    assert found.max_abs_error <= 0.03
    assert found.saturated == 0


@pytest.mark.parametrize("head_dim", [64, 80, 128, 256])
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_a_window_of_128_keys_and_a_sink_at_every_head_size(
    normalisation: Normalisation, head_dim: int
) -> None:
    pattern, config = (
        Pattern(seq_len=512, bands=(Band(-127, 0, 1),)),
        config_of("wide", normalisation, head_dim),
    )
    tensors = random_tensors(2, 512, head_dim, seed=4, sinks=True)
    found = run(schedule(pattern, config.array), pattern, tensors, config)
    assert found.mean_abs_error <= 0.001
    assert found.saturated == 0


@ALL
def test_values_of_one_shrink_to_the_share_that_the_sink_leaves(
    name: str, normalisation: Normalisation
) -> None:
    """All scores 0 and all values 1: n / (n + e^sink), whichever passes the n keys came in.

    Per pass, the 7 bits of 32 equal probabilities are off by 1/32 of their sum at most, with or without sink.
    """
    config, pattern = config_of(name, normalisation), Pattern.sliding(400, 101)
    shape = (1, 400, 64)
    ones = Tensors(np.zeros(shape), np.zeros(shape), np.ones(shape))
    plan = schedule(pattern, config.array)
    keys = pattern.mask(np.arange(400)).sum(axis=1)
    bound = 0.05 if (name, normalisation) == ("published", Normalisation.PER_PASS) else 0.02
    found = []
    for sink in (-8.0, 0.0, 2.0, 5.0, 8.0):
        out = attend(plan, (), with_sinks(ones, sink), config)[0][0]
        np.testing.assert_allclose(out, np.tile((keys / (keys + np.exp(sink)))[:, None], 64), atol=bound)
        found.append(out)
    assert all((low >= high).all() for low, high in zip(found, found[1:], strict=False))
    assert abs(found[0] - 1).max() <= bound


@ALL
def test_a_sink_far_below_all_scores_changes_no_bit(name: str, normalisation: Normalisation) -> None:
    config, pattern = config_of(name, normalisation), Pattern.longformer(200, 64)
    tensors = random_tensors(1, 200, 64, seed=5)
    plan = schedule(pattern, config.array)
    found = [
        attend(plan, (0,), tensors, config)[0]
        for tensors in (tensors, with_sinks(tensors, -11.0 if name == "published" else -40.0))
    ]
    np.testing.assert_array_equal(*found)


@ALL
@pytest.mark.parametrize("pass_of_key", range(3))
def test_a_sink_is_a_key_without_a_value(
    pass_of_key: int, name: str, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    """The key may come in any pass; what rounds differs, by less than an output's last bits."""
    config = config_of(name, normalisation)
    array = replace(config.array, rows=2, cols=4, column_segments=1, head_dim=8)
    config = machine(array, config.numerics)
    rng = np.random.default_rng(pass_of_key)
    raw = [config.numerics.stored.quantize(rng.standard_normal((12, 8)))[0] for _ in range(3)]
    raw[1][11] = raw[0][0]
    raw[2][11] = 0  # the key of the sink: its score with query 0, and no value
    made = []
    for has_key in (False, True):
        plan = blank_schedule(array, np.zeros(3, int), np.array([[0, -1]]), 12)
        plan.slots.keys[:] = np.arange(15).reshape(3, 1, 5) % 10
        plan.slots.local_valid[:] = plan.slots.col_mask[:] = True
        plan.column_keys[pass_of_key, 0] = 11 if has_key else -1
        sink = None if has_key else int(raw[0][0] @ raw[1][11])
        made.append(PEArray(config).run(plan, projection(*raw), sink=sink).output[0])
    assert made[0].any()
    np.testing.assert_allclose(
        made[0] / config.numerics.output.scale, made[1] / config.numerics.output.scale, atol=0.02
    )


def test_random_operands_are_the_same_with_sinks_and_without() -> None:
    plain, other = (random_tensors(2, 30, 4, seed=6, sinks=sinks) for sinks in (False, True))
    np.testing.assert_array_equal(plain.value, other.value)
    assert plain.sinks is None and other.sinks is not None and other.sinks.shape == (2,)
    assert other.head(1).sinks == other.sinks[1]


def test_a_sink_is_quantized_as_a_score_and_saturates_like_one() -> None:
    """1 nat is log2(e) doublings; 8 fraction bits, and 3 that stand for the root of 64."""
    tensors = with_sinks(random_tensors(2, 30, 64, seed=7), 1.0, 1e9)
    one, counts = operands(tensors, 0, (), SALO)
    assert one.sink == round(math.log2(math.e) * 2**11) and counts["sink"] == 0
    far, counts = operands(tensors, 1, (), SALO)
    assert far.sink == PUBLISHED.score.maximum and counts["sink"] == 1
    assert "sink" not in operands(random_tensors(1, 30, 64, seed=7), 0, (), SALO)[1]


def test_the_published_array_has_no_sinks() -> None:
    pattern, tensors = Pattern.sliding(64, 33), random_tensors(1, 64, 64, seed=8, sinks=True)
    plan = schedule(pattern, SALO_DAC22.array)
    said = r"^learned sinks need array.sinks=true, not false; --set array.sinks=true$"
    with pytest.raises(ConfigError, match=said):
        run(plan, pattern, tensors, SALO_DAC22)
    with pytest.raises(ConfigError, match=said):
        commands(plan, SALO_DAC22, operands(tensors, 0, (), SALO)[0])
    plain = operands(replace(tensors, sinks=None), 0, (), SALO)[0]
    assert commands(plan, SALO_DAC22, plain)[0][0].sink.shape == (0,)


NEED = Operands(op="a", batch=1, heads=2, seq_len=9, head_dim=4, global_tokens=0, sinks=True)
QKV = dict.fromkeys("qkv", np.ones((2, 9, 4)))


def test_sinks_are_read_beside_q_k_and_v(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **QKV, sinks=np.array([0.5, -1.0], np.float32))
    found = load_tensors(tmp_path / "x.npz", NEED)
    np.testing.assert_array_equal(found.sinks, [0.5, -1.0])


def test_the_inputs_of_a_batch_have_the_sinks_of_the_heads(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **dict.fromkeys("qkv", np.ones((3, 2, 9, 4))), sinks=np.array([0.5, -1.0]))
    found = load_tensors(tmp_path / "x.npz", replace(NEED, batch=3))
    np.testing.assert_array_equal(found.sinks, [0.5, -1.0] * 3)


@pytest.mark.parametrize(
    ("arrays", "need", "message"),
    [
        (QKV, NEED, r"x.npz must hold sinks, which op 'a' has$"),
        (QKV | {"sinks": np.ones(2)}, replace(NEED, sinks=False), r"not hold sinks, which op .a. does not"),
        (QKV | {"sinks": np.ones(3)}, NEED, r"sinks must have the shape \[2\] of op 'a', not \[3\]$"),
        (QKV | {"sinks": np.ones((1, 2))}, NEED, r"sinks must have the shape \[2\] of op 'a', not \[1, 2\]$"),
        (QKV | {"sinks": np.array([1, np.inf])}, NEED, r"sinks must hold finite numbers"),
    ],
)  # fmt: skip
def test_other_sinks_than_the_ops_are_refused(
    arrays: dict[str, Any], need: Operands, message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=message):
        load_tensors(tmp_path / "x.npz", need)


def test_sinks_are_one_for_each_head() -> None:
    with pytest.raises(UserError, match=r"^sinks must have shape \[2\], not \[3\]$"):
        with_sinks(random_tensors(2, 9, 4, seed=0), 1.0, 2.0, 3.0)

"""The functional run of heads that share keys and values, of values of their own size, of queries behind a
cache, and of a scale that is not the root: against the definition in float64.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import run
from tandemsim.sim.salo.values.reference import attention
from tandemsim.sim.salo.values.tensors import Operands, Tensors, load_tensors, random_tensors
from tandemsim.traces.pattern import Band, Pattern

PATTERNS = {
    "causal window": Pattern.causal_window(200, 60),
    "sinks of tokens": Pattern.causal_window(200, 60, sinks=4),
    "prefill behind a cache": Pattern.causal_window(200, 60, q_len=70, q_offset=130),
    "one step": Pattern.causal_window(200, 60, q_len=1, q_offset=199),
    "global tokens behind a cache": Pattern(
        seq_len=120, bands=(Band(-9, 9, 1),), global_tokens=(3, 90, 100), q_len=40, q_offset=80
    ),
    "chunks": Pattern.chunked(200, 50),
    "all before": Pattern.causal_window(150, 150),
}
SHAPES = {
    "shared": {"kv_heads": 2},
    "of one": {"kv_heads": 1, "sinks": True},
    "short values": {"v_dim": 24},
    "long values": {"v_dim": 64, "kv_heads": 3, "sinks": True},
}
HEADS, HEAD_DIM = 6, 40


def config_of(normalisation: Normalisation) -> SaloConfig:
    return replace(SALO, array=replace(SALO.array, normalisation=normalisation), numerics=WIDE)


def definition(pattern: Pattern, tensors: Tensors) -> np.ndarray:
    """Head by head, with the keys of its group, all at once."""
    out = np.zeros((len(tensors.query), pattern.q_len, tensors.value.shape[2]))
    for head, query in enumerate(np.float64(tensors.query)):
        place = head * len(tensors.key) // len(tensors.query)
        scale = query.shape[1] ** -0.5 if tensors.scale is None else tensors.scale
        powers = np.exp(query @ np.float64(tensors.key[place]).T * scale)
        powers *= pattern.mask(np.arange(pattern.q_len))
        sink = 0.0 if tensors.sinks is None else np.exp(np.float64(tensors.sinks[head]))
        out[head] = powers @ tensors.value[place] / (powers.sum(axis=1, keepdims=True) + sink)
    return out


def tensors_of(pattern: Pattern, shape: str) -> Tensors:
    return random_tensors(HEADS, pattern.seq_len, HEAD_DIM, seed=1, q_len=pattern.q_len, **SHAPES[shape])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PATTERNS)
def test_reference_is_the_definition(name: str, shape: str) -> None:
    tensors = tensors_of(PATTERNS[name], shape)
    found = attention(PATTERNS[name], tensors)
    np.testing.assert_allclose(found, definition(PATTERNS[name], tensors), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_the_array_computes_it(normalisation: Normalisation, name: str, shape: str) -> None:
    pattern, config = PATTERNS[name], config_of(normalisation)
    found = run(schedule(pattern, config.array), pattern, tensors_of(pattern, shape), config)
    assert found.mean_abs_error <= 0.002
    assert found.max_abs_error <= 0.03
    assert found.saturated == 0


@pytest.mark.parametrize("scale", [0.05, 0.25])
def test_a_scale_of_its_own_is_folded_into_the_query(scale: float) -> None:
    pattern, config = Pattern.sliding(200, 65), config_of(Normalisation.DEFERRED)
    tensors = random_tensors(2, 200, 64, seed=2)
    scaled = replace(tensors, scale=scale)
    np.testing.assert_allclose(attention(pattern, scaled), definition(pattern, scaled), atol=1e-12)
    found = run(schedule(pattern, config.array), pattern, scaled, config)
    assert found.mean_abs_error <= 0.004
    assert abs(attention(pattern, scaled) - attention(pattern, tensors)).mean() > 0.02


def test_the_published_array_has_values_of_the_size_of_keys() -> None:
    pattern, tensors = Pattern.sliding(64, 33), random_tensors(1, 64, 40, seed=3, v_dim=24)
    said = r"^values must have the 40 elements of a key, not 24; --set array.value_dims=true$"
    with pytest.raises(ConfigError, match=said):
        run(schedule(pattern, SALO_DAC22.array), pattern, tensors, SALO_DAC22)


def test_another_number_of_queries_than_the_traces_is_refused() -> None:
    pattern = Pattern.causal_window(200, 60, q_len=70, q_offset=130)
    tensors = random_tensors(1, 200, 64, seed=3, q_len=71)
    with pytest.raises(UserError, match=r"^the tensors must have the trace's 70 queries, not 71$"):
        run(schedule(pattern, SALO.array), pattern, tensors, SALO)


@pytest.mark.parametrize(
    "shapes",
    [
        ((4, 9, 8), (3, 9, 8), (3, 9, 8)),
        ((4, 9, 8), (2, 9, 7), (2, 9, 8)),
        ((4, 9, 8), (2, 9, 8), (2, 8, 8)),
        ((4, 9, 8), (2, 9, 8), (4, 9, 8)),
        ((4, 9), (4, 9), (4, 9)),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(UserError, match="kv_heads dividing heads, not "):
        Tensors(*map(np.zeros, shapes))


def test_each_operand_of_a_file_has_its_own_shape(tmp_path: Path) -> None:
    need = Operands("a", 2, 4, 9, 8, 0, kv_heads=2, q_len=5, v_dim=6, scale=0.5)
    rng = np.random.default_rng(4)
    shapes = {"q": (2, 4, 5, 8), "k": (2, 2, 9, 8), "v": (2, 2, 9, 6)}
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    np.savez(tmp_path / "x.npz", **arrays)
    found = load_tensors(tmp_path / "x.npz", need)
    assert (found.heads, found.group, found.q_len, found.seq_len, found.v_dim) == (8, 2, 5, 9, 6)
    assert found.scale == 0.5
    np.testing.assert_array_equal(found.value[5 // found.group], arrays["v"][1, 0])
    np.testing.assert_array_equal(found.head(5).value[0], arrays["v"][1, 0])
    np.testing.assert_array_equal(found.head(5).query[0], arrays["q"][1, 1])

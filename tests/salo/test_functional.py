"""The functional run against float64 softmax attention: the accuracy that the number formats promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.arch.salo.config import GlobalProjections
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values.functional import run
from tandemsim.sim.salo.values.reference import attention
from tandemsim.sim.salo.values.tensors import Operands, Tensors, load_tensors, random_tensors
from tandemsim.traces.pattern import Band, Pattern


def dense_softmax(pattern: Pattern, tensors: Tensors, head: int) -> np.ndarray:
    """The definition, all at once."""
    everything = np.arange(tensors.seq_len)
    query, key, value = (np.float64(t[head]) for t in (tensors.query, tensors.key, tensors.value))
    powers = np.exp(query @ key.T / np.sqrt(tensors.head_dim)) * pattern.mask(everything)
    out = powers @ value / powers.sum(axis=1, keepdims=True)
    if tensors.global_query is not None:
        rows, keys, values = (
            t[head] for t in (tensors.global_query, tensors.global_key, tensors.global_value)
        )
        powers = np.exp(np.float64(rows) @ np.float64(keys).T / np.sqrt(tensors.head_dim))
        out[list(pattern.global_tokens)] = powers @ values / powers.sum(axis=1, keepdims=True)
    return out


@pytest.mark.parametrize("apart", [False, True])
def test_reference_is_the_softmax_over_the_mask(apart: bool) -> None:
    pattern = Pattern(seq_len=600, bands=(Band(-30, 7, 1), Band(-90, 90, 45)), global_tokens=(3, 500))
    tensors = random_tensors(2, 600, 8, seed=1, global_tokens=2 * apart)
    found = attention(pattern, tensors)
    for head in range(2):
        np.testing.assert_allclose(found[head], dense_softmax(pattern, tensors, head), atol=1e-12)


def test_reference_of_a_query_without_keys_is_zero() -> None:
    pattern = Pattern(seq_len=8, bands=(Band(3, 4, 1),))
    found = attention(pattern, random_tensors(1, 8, 4, seed=0))
    assert not found[0, 5:].any()
    assert found[0, :5].all()


PATTERNS = {
    "longformer": Pattern.longformer(300, 64),
    "two globals": Pattern.longformer(300, 64, (0, 150)),
    "dilated": Pattern(seq_len=300, bands=(Band(-20, 20, 1), Band(-60, 60, 4))),
    "vil": Pattern.vil(16, 16, 7),
}


@pytest.mark.parametrize("projections", list(GlobalProjections))
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_the_scheduler_and_the_array_together_compute_the_attention(
    normalisation: Normalisation, name: str, projections: GlobalProjections, machine: Any
) -> None:
    pattern = PATTERNS[name]
    array = replace(SALO.array, global_projections=projections, normalisation=normalisation)
    apart = len(pattern.global_tokens) * (projections is not GlobalProjections.SHARED)
    found = run(
        schedule(pattern, array, global_projections=apart > 0),
        pattern,
        random_tensors(2, pattern.seq_len, 64, seed=2, global_tokens=apart),
        machine(array, WIDE),
    )
    assert found.mean_abs_error <= 0.0015  # fewer keys than 513, so larger outputs
    assert found.max_abs_error <= 0.03
    assert found.saturated == 0


def test_a_head_smaller_than_the_arrays_scales_by_its_own_root(machine: Any) -> None:
    pattern = Pattern.longformer(200, 64)
    tensors = random_tensors(1, 200, 40, seed=3)
    found = run(schedule(pattern, SALO.array), pattern, tensors, machine(SALO.array, WIDE))
    assert found.mean_abs_error <= 0.0015


@pytest.mark.parametrize(
    ("storage_width", "low", "high"), [(8, -8.03125, 7.96875), (16, -16.03125, 15.96875)]
)
def test_values_beyond_the_storage_saturate_and_are_counted(
    storage_width: int, low: float, high: float, machine: Any
) -> None:
    """Elements of 8 bits with 4 fraction bits end at -8 and 7.9375, those of the array at -16 and 15.9375."""
    pattern = Pattern.longformer(64, 32)
    tensors = random_tensors(1, 64, 64, seed=3)
    loud = replace(tensors, value=tensors.value * 10)
    config = machine(SALO.array, replace(PUBLISHED, storage_width=storage_width))
    found = run(schedule(pattern, SALO.array), pattern, loud, config)
    assert found.saturations["value"] == np.count_nonzero((loud.value < low) | (loud.value >= high)) > 0
    assert found.saturations["query"] == found.saturations["key"] == 0


def test_the_same_seed_gives_the_same_result_and_progress_counts_the_heads(machine: Any) -> None:
    pattern = Pattern.longformer(128, 32)
    plan, config = schedule(pattern, SALO.array), machine(SALO.array, PUBLISHED)
    calls: list[tuple[int, int]] = []
    results = [
        run(plan, pattern, random_tensors(3, 128, 16, seed=seed), config, lambda *call: calls.append(call))
        for seed in (5, 5, 6)
    ]
    assert results[0] == results[1] != results[2]
    assert calls[:3] == [(1, 3), (2, 3), (3, 3)]


NEED = Operands(op="layer.2", batch=1, heads=2, seq_len=9, head_dim=4, global_tokens=1)


def test_tensors_are_read_as_the_exporter_writes_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"q": (1, 2, 9, 4), "k": (1, 2, 9, 4), "v": (1, 2, 9, 4)}
    shapes |= {"global_q": (1, 2, 1, 4), "global_k": (1, 2, 9, 4), "global_v": (1, 2, 9, 4)}
    arrays = {f"layer.1/{name}": rng.standard_normal(shape) for name, shape in shapes.items()}
    np.savez(tmp_path / "two.npz", **arrays, **{"layer.2/q": 1.0})
    found = load_tensors(tmp_path / "two.npz", replace(NEED, op="layer.1"))
    assert (found.heads, found.seq_len, found.head_dim) == (2, 9, 4)
    np.testing.assert_array_equal(found.global_query, arrays["layer.1/global_q"][0])
    np.savez(tmp_path / "bare.npz", q=np.ones((2, 9, 4)), k=np.ones((2, 9, 4)), v=np.zeros((2, 9, 4)))
    assert load_tensors(tmp_path / "bare.npz", NEED).global_query is None
    with pytest.raises(UserError, match=r"unknown op 'layer.3'; did you mean 'layer.1'\?"):
        load_tensors(tmp_path / "two.npz", replace(NEED, op="layer.3"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"q": np.ones((2, 9, 4))}, "must hold arrays q, k and v, not q"),
        ({}, "must hold arrays q, k and v, not none"),
        (
            {name: np.ones((9, 4)) for name in "qkv"},
            r"q must have the shape \[2, 9, 4\] of op 'layer.2', not \[9, 4\]",
        ),
        (
            {"q": np.ones((2, 9, 4)), "k": np.ones((2, 9, 4)), "v": np.ones((2, 8, 4))},
            r"v must have the shape \[2, 9, 4\] of op 'layer.2', not \[2, 8, 4\]",
        ),
    ],
)
def test_a_file_without_the_operands_is_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=message):
        load_tensors(tmp_path / "x.npz", NEED)


def test_a_batch_is_folded_into_the_heads(tmp_path: Path) -> None:
    arrays = {
        name: np.arange(3 * 2 * 9 * 4.0).reshape(3, 2, 9, 4) + place for place, name in enumerate("qkv")
    }
    np.savez(tmp_path / "x.npz", **arrays)
    found = load_tensors(tmp_path / "x.npz", replace(NEED, batch=3))
    assert found.query.shape == (6, 9, 4)
    for item in range(3):
        for head in range(2):
            np.testing.assert_array_equal(found.value[2 * item + head], arrays["v"][item, head])
    with pytest.raises(UserError, match=r"q must have the shape \[4, 2, 9, 4\] .*, not \[3, 2, 9, 4\]"):
        load_tensors(tmp_path / "x.npz", replace(NEED, batch=4))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "f2", "u1", ">i8"])
@pytest.mark.parametrize("packed", [False, True])
def test_any_layout_of_numbers_is_read(tmp_path: Path, order: Any, dtype: str, packed: bool) -> None:
    array = np.arange(2 * 9 * 4).reshape(2, 9, 4).astype(dtype, order=order)
    (np.savez_compressed if packed else np.savez)(tmp_path / "x.npz", **dict.fromkeys("qkv", array))
    np.testing.assert_array_equal(load_tensors(tmp_path / "x.npz", NEED).key, array)


class Few:
    """A pattern that counts the (query, key) pairs whose mask is asked for."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern, self.asked = pattern, 0
        self.global_tokens, self.q_offset = pattern.global_tokens, pattern.q_offset

    def mask(self, queries: Any, keys: Any) -> np.ndarray:
        self.asked += len(queries) * len(keys)
        self.largest = max(getattr(self, "largest", 0), len(queries) * len(keys))
        return self.pattern.mask(queries, keys)

    def reach(self, queries: Any) -> np.ndarray:
        return self.pattern.reach(queries)


@pytest.mark.parametrize("window", [1, 64])
def test_reference_asks_for_keys_in_reach_alone(window: int) -> None:
    few = Few(Pattern.sliding(20_000, window))
    attention(few, random_tensors(1, 20_000, 2, seed=0))
    assert few.asked <= 20_000 * (256 + window)


def test_reference_of_long_rows_takes_few_queries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tandemsim.sim.salo.values import reference

    tensors = random_tensors(2, 300, 4, seed=0)
    wanted = attention(Pattern.dense(300), tensors)
    monkeypatch.setattr(reference, "SCORES", 1000)
    few = Few(Pattern.dense(300))
    np.testing.assert_allclose(attention(few, tensors), wanted, rtol=1e-12, atol=1e-15)
    assert few.largest <= 1000 and few.asked == 300 * 300


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("q")
    with pytest.raises(UserError, match=r"x.npz: is not an .npz, the zip file of arrays "):
        load_tensors(tmp_path / "x.npz", NEED)
    with pytest.raises(UserError, match=r"y.npz: cannot be read: No such file or directory$"):
        load_tensors(tmp_path / "y.npz", NEED)


def test_tensors_that_fit_neither_trace_nor_array_are_refused(machine: Any) -> None:
    pattern = Pattern.longformer(64, 32)
    plan, config = schedule(pattern, SALO.array), machine(SALO.array, PUBLISHED)
    with pytest.raises(UserError, match="must have the trace's 64 tokens, not 63"):
        run(plan, pattern, random_tensors(1, 63, 64, seed=0), config)
    with pytest.raises(UserError, match=r"heads must have at most array.head_dim elements \(64\), not 65"):
        run(plan, pattern, random_tensors(1, 64, 65, seed=0), config)
    with pytest.raises(UserError, match="global_q must hold the trace's 1 global tokens, not 2"):
        run(plan, pattern, random_tensors(1, 64, 64, seed=0, global_tokens=2), config)

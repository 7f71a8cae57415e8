"""Attention in values: float64 by the definition, pair by pair, and the array's sums exactly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.ant.values.formats import coded
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace
from tests.ant import draws
from tests.ant.one_op import op_trace, walk

CLAMPED = Pattern.neighborhood(4, 5, 3)
PATTERNS = {
    "longformer": Pattern.longformer(20, 4, (0, 7)),
    "image": Pattern.vil(3, 4, 3),
    "clamped": CLAMPED,
    "chunks": Pattern.chunked(20, 5),
    "decode": Pattern.causal_window(16, 6, 0, 3, 13),
    "sinks": Pattern.causal_window(20, 4, 3),
}


def naive(arrays: dict[str, np.ndarray], seen: np.ndarray, sizes: dict[str, Any]) -> np.ndarray:
    """Softmax attention a query at a time; `seen` [queries, keys]; queries of `own` see other projections."""
    q, k, v = (arrays[name] for name in "abc")
    batch, heads, queries, size = q.shape
    out = np.zeros((batch, heads, queries, v.shape[-1]))
    own = list(sizes.get("own", ()))
    for item, head, query in np.ndindex(batch, heads, queries):
        group = head // (heads // k.shape[1])
        key, value, vector = k[item, group], v[item, group], q[item, head, query]
        if query in own:
            vector = arrays["d"][item, head, own.index(query)]
            key, value = arrays["e"][item, head], arrays["f"][item, head]
        scores = key @ vector * sizes.get("scale", 1 / math.sqrt(size))
        if "softcap" in sizes:
            scores = sizes["softcap"] * np.tanh(scores / sizes["softcap"])
        if "bias" in sizes:
            scores = scores + sizes["bias"][item % len(sizes["bias"]), head % sizes["bias"].shape[1], query]
        powers = np.where(seen[query], np.exp(scores), 0)
        total = powers.sum() + (math.exp(sizes["sinks"][head]) if "sinks" in sizes else 0)
        out[item, head, query] = powers / total @ value
    return out


def dense(**more: Any) -> tuple[Trace, dict[str, np.ndarray], np.ndarray, dict[str, Any]]:
    """Return an attention, its arrays, which pairs are seen, and what else it has."""
    rng = np.random.default_rng(7)
    batch, heads, kv_heads, queries, keys, size, v_dim = 2, 4, more.pop("kv_heads", 4), 7, 9, 6, 5
    q, k, v = (batch, heads, queries, size), (batch, kv_heads, keys, size), (batch, kv_heads, keys, v_dim)
    arrays = {name: rng.standard_normal(shape) for name, shape in zip("abc", (q, k, v), strict=True)}
    seen = np.ones((queries, keys), bool)
    inputs, sizes, dtypes = [(q, "input"), (k, "input"), (v, "input")], dict(more), {}
    if more.get("causal"):
        seen = np.tril(seen)
        sizes.pop("causal")
    for name in more.get("operands", ()):
        place = "abcdef"[len(inputs)]
        shape = (
            (heads,) if name == "sinks" else (1, heads, queries, keys) if name == "bias" else (queries, keys)
        )
        arrays[place] = rng.standard_normal(shape)
        if name == "mask":
            seen = rng.random(shape) < 0.6
            seen[:, 0] = True
            arrays[place] = seen
            dtypes[len(inputs)] = "bool"
        else:
            sizes[name] = arrays[place]
        inputs.append((shape, "input"))
    dims = {"batch": batch, "heads": heads, "kv_heads": kv_heads, "head_dim": size, "v_dim": v_dim}
    dims |= {"q_len": queries, "kv_len": keys}
    trace = op_trace("attention", dims, inputs, (batch, heads, queries, v_dim), more, dtypes)
    return trace, arrays, seen, sizes


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"kv_heads": 2, "causal": True},
        {"scale": 0.3, "softcap": 1.5},
        {"operands": ["bias", "sinks"]},
        {"operands": ["mask"], "kv_heads": 1},
    ],
)
def test_dense_attention_is_its_definition(stated: dict[str, Any], tmp_path: Path) -> None:
    trace, arrays, seen, sizes = dense(**stated)
    kept, found = walk(trace, draws.config(), arrays, tmp_path)
    assert np.allclose(kept.last.exact, naive(arrays, seen, sizes), rtol=1e-11, atol=1e-12)
    difference = found.ops[0].difference
    assert difference.sqnr_db is not None and difference.sqnr_db > 30
    assert found.ops[0].formats["probability"] == "int8u"


@pytest.mark.parametrize("name", PATTERNS)
def test_attention_over_a_pattern_is_its_definition(name: str, tmp_path: Path) -> None:
    pattern = PATTERNS[name]
    rng = np.random.default_rng(9)
    heads, size = 2, 6
    q, k = (1, heads, pattern.q_len, size), (1, heads, pattern.seq_len, size)
    shapes = [q, k, k]
    own = list(pattern.global_tokens) if name == "longformer" else []
    if own:
        shapes += [(1, heads, len(own), size), k, k]
    arrays = {letter: rng.standard_normal(shape) for letter, shape in zip("abcdef", shapes, strict=False)}
    dims = {"heads": heads, "head_dim": size, **pattern.dims()}
    trace = op_trace("window_attention", dims, [(shape, "input") for shape in shapes], q, pattern.attrs())
    kept, found = walk(trace, draws.config(), arrays, tmp_path)
    seen = pattern.mask(np.arange(pattern.q_len), np.arange(pattern.seq_len))
    assert np.allclose(kept.last.exact, naive(arrays, seen, {"own": own}), rtol=1e-11, atol=1e-12)
    difference = found.ops[0].difference
    assert difference.sqnr_db is not None and difference.sqnr_db > 30


def test_both_products_of_attention_are_exact_sums_of_codes(tmp_path: Path) -> None:
    """By the formats alone: int8 operands, and weights of a softmax in 255 steps of the largest of a row."""
    trace, arrays, _, _ = dense()
    config = draws.config()
    kept, found = walk(trace, config, arrays, tmp_path)
    query, key, value = (coded(config.array, arrays[name], 8) for name in "abc")
    assert {each.form.name for each in (query, key, value)} == {"int8"}
    numbers = [each.form.value[each.codes].astype(np.int64) for each in (query, key, value)]
    sums = numbers[0] @ numbers[1].transpose(0, 1, 3, 2)
    scores = sums * query.scale * key.scale * (1 / math.sqrt(6))
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True)
    step = weights.max(axis=-1, keepdims=True) / 255
    codes = np.floor(weights / step + 0.5).astype(np.int64)
    assert codes.max() == 255
    expected = (codes @ numbers[2]) * step * value.scale
    assert np.allclose(kept.last.machine, expected, rtol=1e-12, atol=1e-13)
    assert found.ops[0].saturations == 0

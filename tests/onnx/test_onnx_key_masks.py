"""The masks, windows and caches of onnxruntime's attentions: which pairs a trace states, pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Op, Trace
from tests.onnx.attention_values import Values, summand
from tests.onnx.small_models import MICROSOFT, kinds, node, traced, zeros

PADDED = "the lengths of texts that an input gives are not modeled: all texts count as filling their tensors"
BATCH, HEADS, NEW, PAST = 2, 2, 5, 3
KEYS = PAST + NEW
Bools = NDArray[np.bool_]


def pairs(rule: Callable[[int, int, int], object], queries: int = NEW, keys: int = KEYS) -> Bools:
    """Which pairs a rule of text, query and key allows: (texts, 1, queries, keys)."""
    made = np.zeros((BATCH, 1, queries, keys), bool)
    for text, _, query, key in np.ndindex(*made.shape):
        made[text, 0, query, key] = bool(rule(text, query, key))
    return made


def attention(trace: Trace) -> Op:
    """The only attention."""
    (op,) = [op for op in trace.ops if "attention" in op.kind]
    return op


def stated(trace: Trace, given: dict[str, NDArray[Any]]) -> Bools:
    """Which pairs the only attention allows: (texts, heads, queries, keys)."""
    made = summand(attention(trace), Values(trace, given, first=PAST))
    assert set(np.unique(made)) <= {0.0, -np.inf}, "an operand is added to the scores that is a mask"
    return np.isfinite(made)


def projected(mask: Any, known: bool = False, past: bool = True, **attrs: Any) -> Trace:
    """The trace of onnxruntime's `Attention` with this mask of whole numbers."""
    sides: dict[str, Any] = {"x": (BATCH, NEW, 8)}
    constants = {"w": zeros(8, 24), "b": zeros(24)}
    if past:
        sides["past"] = (2, BATCH, HEADS, PAST, 4)
    if known:
        constants["m"] = mask
    else:
        sides["m"] = ("int32", mask.shape)
    words = "x w b m past" if past else "x w b m"
    made = node("Attention", words, "y present" if past else "y", MICROSOFT, num_heads=HEADS, **attrs)
    return traced([made], sides, "y", constants)


RNG = np.random.default_rng(3)
PADDING = np.array([[0, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0]], np.int32)
RAW = (RNG.random((BATCH, NEW, KEYS)) < 0.7).astype(np.int32)
LONG = (RNG.random((BATCH, 1, 11, 11)) < 0.7).astype(np.int32)
MASKS: dict[str, tuple[NDArray[np.int32], Callable[[int, int, int], object]]] = {
    "keys": (PADDING, lambda text, query, key: PADDING[text, key]),
    "queries and keys": (RAW, lambda text, query, key: RAW[text, query, key]),
    "longest": (LONG, lambda text, query, key: LONG[text, 0, PAST + query, key]),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "name, unidirectional", [(name, way) for name in MASKS for way in (0, 1) if (name, way) != ("longest", 1)]
)
def test_a_mask_of_whole_numbers_denies_where_it_is_zero(name: str, unidirectional: int, known: bool) -> None:
    mask, rule = MASKS[name]
    trace = projected(mask, known, unidirectional=unidirectional)
    expected = pairs(
        lambda text, query, key: rule(text, query, key) and (key <= PAST + query or not unidirectional)
    )
    assert (stated(trace, {"m": mask}) == expected).all()


@pytest.mark.parametrize("known", [True, False])
def test_a_mask_of_whole_numbers_is_a_mask_and_not_a_bias(known: bool) -> None:
    op = attention(projected(PADDING, known, past=True))
    assert "operands" not in op.attrs and len(op.inputs) == 4
    assert op.operand("mask") is not None


def test_a_known_mask_that_is_alike_for_all_texts_is_a_pattern() -> None:
    place = np.arange(KEYS)
    near = abs(place - place[:, None]) <= 2
    mask = np.broadcast_to(near, (BATCH, 1, KEYS, KEYS)).astype(np.int32)
    trace = projected(mask, known=True)
    assert (attention(trace).kind, kinds(trace).count("eltwise")) == ("window_attention", 1)  # of the caches
    assert (stated(trace, {}) == pairs(lambda text, query, key: abs(PAST + query - key) <= 2)).all()


@pytest.mark.parametrize(
    "lengths, rule",
    [
        ([5, 8], lambda text, key: key < [5, 8][text]),
        ([6, 8, 1, 0], lambda text, key: [1, 0][text] <= key < [6, 8][text]),
        ([5, 8, 0, 5, 13, 0, 5, 13], lambda text, key: key < [5, 8][text]),
    ],
)
def test_lengths_that_are_known_are_a_mask_and_others_are_noted(
    lengths: list[int], rule: Callable[[int, int], object]
) -> None:
    mask = np.array(lengths, np.int32)
    expected = pairs(lambda text, query, key: rule(text, key))
    trace = projected(mask, known=True)
    assert (stated(trace, {"texts of m": expected[:, :, :1]}) == expected).all()
    assert (
        "not_modeled" not in trace.source.configuration
        or PADDED not in trace.source.configuration["not_modeled"]
    )
    unknown = projected(mask)
    assert stated(unknown, {}).all()
    assert unknown.source.configuration["not_modeled"] == [PADDED]


@pytest.mark.parametrize(
    "lengths, first, end",
    [([6, 6], 0, 6), ([6, 6, 1, 1], 1, 6), ([6, 6, 0, 5, 10, 0, 6, 12], 0, 6), ([8, 8], 0, 8)],
)
def test_known_lengths_that_are_alike_are_a_pattern(lengths: list[int], first: int, end: int) -> None:
    trace = projected(np.array(lengths, np.int32), known=True)
    assert len(attention(trace).inputs) == 3
    assert (stated(trace, {}) == pairs(lambda text, query, key: first <= key < end)).all()


@pytest.mark.parametrize("rows", [1, BATCH])
def test_one_number_for_all_keys_of_a_text_is_no_mask(rows: int) -> None:
    assert len(attention(projected(np.ones((rows, 1), np.int32))).inputs) == 3


@pytest.mark.parametrize(
    "shape, attrs, message",
    [
        ((BATCH, NEW), {}, r"\[2, 8\], \[2, 5, 8\] or \[2, 1, longest, longest\], not \[2, 5\]"),
        ((1, KEYS), {}, r"not \[1, 8\]"),
        ((BATCH, 1, 11, 12), {}, r"not \[2, 1, 11, 12\]"),
        ((BATCH, 1, 7, 7), {}, r"not \[2, 1, 7, 7\]"),
        ((BATCH, 1, 11, 11), {"unidirectional": 1}, "must come without unidirectional"),
        ((7,), {}, "must hold 2, 4 or 8 numbers, not 7"),
        ((BATCH, KEYS), {"mask_filter_value": -1.0}, "must be at most -10000"),
        ((BATCH, KEYS), {"past_present_share_buffer": 1}, "without past_present_share_buffer"),
    ],
)
def test_what_onnxruntime_does_not_take_is_refused(shape: tuple[int, ...], attrs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"{message}.* \(Attention, node 'y'\)$"):
        projected(np.ones(shape, np.int32), **attrs)


# -- MultiHeadAttention -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("name", ["keys", "queries and keys"])
def test_many_heads_have_the_same_masks(name: str, unidirectional: int) -> None:
    mask, rule = MASKS[name]
    cache = (BATCH, HEADS, PAST, 4)
    sides: dict[str, Any] = {"q": (BATCH, NEW, 8), "k": (BATCH, NEW, 8), "v": (BATCH, NEW, 8)}
    sides |= {"m": ("int32", mask.shape), "pk": cache, "pv": cache}
    made = node(
        "MultiHeadAttention",
        "q k v _ m _ pk pv",
        domain=MICROSOFT,
        num_heads=HEADS,
        unidirectional=unidirectional,
    )
    trace = traced([made], sides)
    expected = pairs(
        lambda text, query, key: rule(text, query, key) and (key <= PAST + query or not unidirectional)
    )
    assert (stated(trace, {"m": mask}) == expected).all()


def test_a_mask_of_a_megatron_model_is_not_one_of_many_heads() -> None:
    sides = dict.fromkeys("qkv", (BATCH, NEW, 8)) | {"m": ("int32", (BATCH, 1, NEW, NEW))}
    with pytest.raises(ConfigError, match=r"must have shape \[2, 5\] or \[2, 5, 5\], not \[2, 1, 5, 5\]"):
        traced([node("MultiHeadAttention", "q k v _ m", domain=MICROSOFT, num_heads=HEADS)], sides)


# -- GroupQueryAttention ------------------------------------------------------------------------------------


def grouped(queries: int, past: int, bias: bool, **attrs: Any) -> Trace:
    """The trace of a `GroupQueryAttention`, with a cache and a bias that is an input."""
    sides: dict[str, Any] = {"q": (BATCH, queries, 16), "k": (BATCH, queries, 8), "v": (BATCH, queries, 8)}
    sides |= {"n": ("int32", (BATCH,)), "t": ("int32", ())}
    sides |= dict.fromkeys(("pk", "pv"), (BATCH, 2, past, 4)) if past else {}
    sides |= {"bias": (1, 4, queries, queries + past)} if bias else {}
    words = f"q k v {'pk pv' if past else '_ _'} n t {'_ _ _ bias' if bias else ''}"
    made = node("GroupQueryAttention", words, domain=MICROSOFT, num_heads=4, kv_num_heads=2, **attrs)
    return traced([made], sides)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("causal, window", [(0, -1), (1, -1), (1, 1), (1, 8), (1, 200)])
@pytest.mark.parametrize("queries, past", [(1, 100), (32, 0), (5, 7)])
def test_a_window_stays_beside_a_bias(queries: int, past: int, causal: int, window: int, bias: bool) -> None:
    trace = grouped(queries, past, bias, local_window_size=window, causal=causal)
    op = attention(trace)
    given = {"bias": np.zeros((1, 4, queries, queries + past))} if bias else {}
    expected = pairs(
        lambda text, query, key: not causal
        or (key <= query + past and (window < 1 or key > query + past - window)),
        queries, queries + past,
    )  # fmt: skip
    assert (stated(trace, given) == expected).all()
    assert (op.operand("bias") is not None) == bias
    if op.kind == "window_attention":
        assert op.macs == BATCH * 4 * 8 * int(expected[0].sum())


def test_a_smooth_softmax_is_a_sink_of_each_head() -> None:
    op = attention(grouped(4, 0, False, smooth_softmax=1))
    assert op.attrs["operands"] == ["sinks"]


def test_lengths_of_texts_are_noted() -> None:
    assert grouped(4, 3, False).source.configuration["not_modeled"] == [PADDED]


@pytest.mark.parametrize("op", ["GroupQueryAttention", "MultiHeadAttention"])
def test_scores_that_are_a_result_are_refused(op: str) -> None:
    made = node(op, "q q q", "y k v s", MICROSOFT, num_heads=HEADS, kv_num_heads=HEADS)
    with pytest.raises(ConfigError, match=rf"its scores must not be a result.* \({op}, node 'y'\)$"):
        traced([made], {"q": (BATCH, NEW, 8)}, "y s")


def test_a_cache_that_moves_along_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must hold all tokens, without sliding_window_cache \(GroupQ"):
        grouped(1, 8, False, sliding_window_cache=1, local_window_size=8)

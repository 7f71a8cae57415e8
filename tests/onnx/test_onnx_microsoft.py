"""The operators that onnxruntime's optimizer writes: the MACs of what they fuse, and its parts as ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace
from tests.onnx.small_models import MICROSOFT, ints, kinds, node, one, shapes, traced, zeros


def fused(op: str, inputs: str, sides: dict[str, Any], outputs: str = "y", **attrs: Any) -> Trace:
    """The trace of one operator; arrays among the sides are constants."""
    known = {
        name: np.asarray(side) for name, side in sides.items() if isinstance(side, (np.ndarray, np.generic))
    }
    given = {name: side for name, side in sides.items() if name not in known}
    return traced([node(op, inputs, outputs, domain=MICROSOFT, **attrs)], given, outputs, known)


SCALED = {"s": np.float32(1), "z": np.uint8(0)}
IMAGE = {"x": (1, 3, 8, 8), "w": zeros(4, 3, 3, 3), "b": zeros(4), "z": (1, 4, 6, 6)}
CONV = 4 * 36 * 27


def test_a_fused_convolution_is_one_with_its_sum_and_its_activation() -> None:
    trace = fused("FusedConv", "x w b z", IMAGE, activation="Relu")
    assert (kinds(trace), trace.macs) == (["conv2d", "eltwise", "act"], CONV)
    assert kinds(fused("FusedConv", "x w b", IMAGE | {"z": zeros(1)}, activation="Sigmoid")) == [
        "conv2d",
        "act",
    ]


def test_channels_may_come_last() -> None:
    trace = fused("NhwcConv", "x w b", {"x": (1, 8, 8, 3), "w": zeros(4, 3, 3, 3), "b": zeros(4)})
    assert (kinds(trace), trace.macs, shapes(trace)) == (["conv2d"], CONV, [(1, 6, 6, 4)])


def test_weights_with_channels_last_are_told_by_their_shape() -> None:
    trace = fused("NhwcFusedConv", "x w", {"x": (1, 8, 8, 5), "w": zeros(4, 3, 3, 5)}, activation="Relu")
    assert (kinds(trace), trace.macs) == (["conv2d", "act"], 4 * 36 * 45)


@pytest.mark.parametrize(
    "op, inputs, sides, attrs, macs, expected",
    [
        ("FusedMatMul", "a b", {"a": (2, 5, 4), "b": (2, 5, 6)}, {"transA": 1}, 2 * 4 * 5 * 6, "gemm"),
        ("FusedMatMul", "a b", {"a": (4, 5), "b": (6, 5)}, {"transB": 1, "alpha": 0.5}, 120, "gemm"),
        ("FusedMatMul", "a b", {"a": (4, 2, 5), "b": (2, 5, 6)}, {"transBatchA": 1}, 2 * 4 * 5 * 6, "gemm"),
        (
            "FusedGemm",
            "a b c",
            {"a": (4, 5), "b": (5, 6), "c": (6,)},
            {"activation": "Relu"},
            120,
            "gemm act",
        ),
        ("GemmFastGelu", "a b c", {"a": (4, 5), "b": (5, 6), "c": (6,)}, {}, 120, "gemm act"),
        (
            "MatMulNBits",
            "a b s",
            {"a": (3, 64), "b": zeros(8, 2, 16, dtype="uint8"), "s": zeros(16)},
            {"K": 64, "N": 8, "bits": 4, "block_size": 32},
            3 * 64 * 8,
            "gemm",
        ),
        ("BiasGelu", "a b", {"a": (2, 3, 8), "b": (8,)}, {}, 0, "eltwise act"),
        ("FastGelu", "a b", {"a": (2, 3, 8), "b": (8,)}, {}, 0, "eltwise act"),
        ("FastGelu", "a", {"a": (2, 3, 8)}, {}, 0, "act"),
        ("QuickGelu", "a", {"a": (2, 3, 8)}, {}, 0, "act"),
        ("Gelu", "a", {"a": (2, 3, 8)}, {}, 0, "act"),
        ("BiasSplitGelu", "a b", {"a": (2, 3, 8), "b": (8,)}, {}, 0, "eltwise act"),
        ("BiasSoftmax", "a b", {"a": (2, 3, 8), "b": (8,)}, {"axis": 2}, 0, "eltwise softmax"),
        ("BiasDropout", "a b c", {"a": (2, 3, 8), "b": (8,), "c": (2, 3, 8)}, {}, 0, "eltwise"),
        (
            "SkipLayerNormalization",
            "a b g h i",
            {"a": (2, 3, 8), "b": (2, 3, 8), "g": zeros(8), "h": zeros(8), "i": zeros(8)},
            {},
            0,
            "eltwise norm",
        ),
        (
            "SkipSimplifiedLayerNormalization",
            "a b g",
            {"a": (2, 3, 8), "b": (2, 3, 8), "g": zeros(8)},
            {},
            0,
            "eltwise norm",
        ),
        (
            "GroupNorm",
            "a g h",
            {"a": (2, 4, 4, 8), "g": zeros(8), "h": zeros(8)},
            {"groups": 2, "activation": 1},
            0,
            "norm act",
        ),
        (
            "RotaryEmbedding",
            "a p c s",
            {"a": (1, 4, 10, 8), "p": ("int64", (1, 10)), "c": zeros(10, 4), "s": zeros(10, 4)},
            {},
            0,
            "eltwise",
        ),
        (
            "QLinearAdd",
            "a s z b s z s z",
            {"a": ("uint8", (2, 8)), "b": ("uint8", (8,)), **SCALED},
            {},
            0,
            "eltwise",
        ),
        ("QLinearSigmoid", "a s z s z", {"a": ("uint8", (2, 8)), **SCALED}, {}, 0, "act"),
        ("QLinearSoftmax", "a s z s z", {"a": ("uint8", (2, 8)), **SCALED}, {"opset": 13}, 0, "softmax"),
        (
            "QLinearConcat",
            "s z a s z b s z",
            {"a": ("uint8", (2, 8)), "b": ("uint8", (2, 3)), **SCALED},
            {"axis": 1},
            0,
            "eltwise",
        ),
        ("QLinearGlobalAveragePool", "a s z s z", {"a": ("uint8", (2, 8, 4, 4)), **SCALED}, {}, 0, "pool"),
        (
            "QLinearAveragePool",
            "a s z s z",
            {"a": ("uint8", (2, 8, 4, 4)), **SCALED},
            {"kernel_shape": [2, 2], "strides": [2, 2]},
            0,
            "pool",
        ),
        (
            "NhwcMaxPool",
            "a",
            {"a": ("uint8", (2, 7, 7, 8))},
            {"kernel_shape": [3, 3], "strides": [2, 2]},
            0,
            "pool",
        ),
        (
            "MatMulIntegerToFloat",
            "a b s t",
            {"a": ("uint8", (4, 5)), "b": ("int8", (5, 6)), "s": np.float32(1), "t": np.float32(1)},
            {},
            120,
            "gemm",
        ),
        (
            "DynamicQuantizeMatMul",
            "a b s",
            {"a": (4, 5), "b": zeros(5, 6, dtype="int8"), "s": np.float32(1)},
            {},
            120,
            "quantize gemm",
        ),
        (
            "QGemm",
            "a s z b s z _ s z",
            {"a": ("uint8", (4, 5)), "b": zeros(6, 5, dtype="int8"), **SCALED},
            {"transB": 1},
            120,
            "gemm",
        ),
        (
            "QLinearConv",
            "a s z b s z s z",
            {"a": ("uint8", (1, 8, 8, 3)), "b": zeros(4, 3, 3, 3, dtype="int8"), **SCALED},
            {"channels_last": 1},
            CONV,
            "conv2d",
        ),
    ],
)
def test_a_fused_operator_is_the_ops_that_it_fuses(op, inputs, sides, attrs, macs, expected) -> None:
    trace = fused(op, inputs, sides, **attrs)
    assert (kinds(trace), trace.macs) == (expected.split(), macs)


def test_weights_of_four_bits_take_half_a_byte() -> None:
    sides = {"a": (3, 64), "b": zeros(8, 2, 16, dtype="uint8"), "s": zeros(16)}
    trace = fused("MatMulNBits", "a b s", sides, K=64, N=8, bits=4, block_size=32)
    assert trace.tensor_map()[one(trace, "gemm").inputs[1]].size_bytes == 64 * 8 // 2


def test_the_sum_of_a_skip_is_there_to_be_read() -> None:
    sides = {"a": (2, 3, 8), "b": (2, 3, 8), "g": zeros(8), "h": zeros(8)}
    trace = fused("SkipLayerNormalization", "a b g h", sides, "y _ _ s")
    assert [op.kind for op in trace.ops] == ["eltwise", "norm"]
    assert shapes(trace) == [(2, 3, 8)] * 2


def test_embeddings_are_looked_up_added_and_normed() -> None:
    tables = {
        "words": zeros(50, 8),
        "places": zeros(20, 8),
        "kinds": zeros(2, 8),
        "g": zeros(8),
        "h": zeros(8),
    }
    sides = {"ids": ("int32", (2, 7)), "segments": ("int32", (2, 7)), **tables}
    trace = fused("EmbedLayerNormalization", "ids segments words places kinds g h", sides, "y _")
    assert kinds(trace) == ["gather", "gather", "eltwise", "norm"]
    assert shapes(trace) == [(2, 7, 8)]


# -- attention ----------------------------------------------------------------------------------------------

HIDDEN = {"x": (2, 10, 32), "w": zeros(32, 96), "b": zeros(96)}
PROJECTIONS, PAIRS = 20 * 32 * 96, 2 * 2 * 4 * 8 * 100


def test_attention_projects_and_attends() -> None:
    trace = fused("Attention", "x w b", HIDDEN, num_heads=4)
    assert (kinds(trace), trace.macs) == (["gemm", "attention"], PROJECTIONS + PAIRS)
    assert one(trace, "attention").dims == {"batch": 2, "heads": 4, "head_dim": 8, "q_len": 10, "kv_len": 10}
    assert shapes(trace) == [(2, 10, 32)]


def test_projections_may_differ_in_width() -> None:
    sides = {"x": (2, 10, 32), "w": zeros(32, 32 + 32 + 16), "b": zeros(80)}
    trace = fused("Attention", "x w b", sides, num_heads=4, qkv_hidden_sizes=[32, 32, 16])
    assert trace.macs == 20 * 32 * 80 + 2 * 4 * 100 * (8 + 4)
    assert shapes(trace) == [(2, 10, 16)]


def test_attention_of_one_direction_is_causal_and_a_mask_is_an_operand() -> None:
    assert one(fused("Attention", "x w b", HIDDEN, num_heads=4, unidirectional=1), "attention").attrs == {
        "causal": True
    }
    masked = fused("Attention", "x w b m", HIDDEN | {"m": ("int32", (2, 10))}, num_heads=4)
    assert len(one(masked, "attention").inputs) == 4


def test_a_cache_before_the_keys_is_appended_to() -> None:
    trace = fused("Attention", "x w b _ past", HIDDEN | {"past": (2, 2, 4, 6, 8)}, "y present", num_heads=4)
    assert kinds(trace) == ["gemm", "cache_append", "cache_append", "attention", "eltwise"]
    assert one(trace, "attention").dims["kv_len"] == 16
    assert (2, 2, 4, 16, 8) in shapes(trace)


@pytest.mark.parametrize(
    "sides, inputs",
    [
        ({"q": (2, 10, 32), "k": (2, 12, 32), "v": (2, 12, 32)}, "q k v"),
        ({"q": (2, 10, 32), "k": (2, 12, 4, 2, 8)}, "q k"),
        ({"q": (2, 10, 32), "k": (2, 4, 12, 8), "v": (2, 4, 12, 8)}, "q k v"),
        ({"q": (2, 12, 4, 3, 8)}, "q"),
    ],
)
def test_heads_may_be_packed_in_four_ways(sides: dict[str, Any], inputs: str) -> None:
    trace = fused("MultiHeadAttention", inputs, sides, num_heads=4)
    queries = 12 if inputs == "q" else 10
    assert (kinds(trace), trace.macs) == (["attention"], 2 * 2 * 4 * 8 * queries * 12)
    assert shapes(trace) == [(2, queries, 32)]


def test_a_bias_of_the_heads_is_added_to_each() -> None:
    sides = {"q": (2, 10, 32), "k": (2, 10, 32), "v": (2, 10, 32), "b": zeros(96)}
    assert kinds(fused("MultiHeadAttention", "q k v b", sides, num_heads=4)) == ["eltwise"] * 3 + [
        "attention"
    ]


GROUPED = {"q": (2, 10, 64), "k": (2, 10, 16), "v": (2, 10, 16), "n": ("int32", (2,)), "t": ("int32", ())}


def grouped(sides: dict[str, Any], inputs: str = "q k v _ _ n t", outputs: str = "y", **attrs: Any) -> Trace:
    return fused(
        "GroupQueryAttention", inputs, GROUPED | sides, outputs, num_heads=8, kv_num_heads=2, **attrs
    )


def test_grouped_queries_share_keys_and_are_causal() -> None:
    op = one(grouped({}), "attention")
    assert (op.dims["heads"], op.dims["kv_heads"], op.attrs) == (8, 2, {"causal": True})


@pytest.mark.parametrize("window", [1, 4, 9])
def test_a_local_window_is_as_many_keys(window: int) -> None:
    op = one(grouped({}, local_window_size=window), "window_attention")
    assert op.pattern == Pattern.causal_window(10, window)
    assert op.macs == 2 * 8 * 16 * sum(min(query + 1, window) for query in range(10))


def test_a_window_beyond_the_tokens_is_none() -> None:
    assert one(grouped({}, local_window_size=10), "attention").attrs == {"causal": True}


def test_a_step_with_a_cache_stands_behind_it() -> None:
    sides = {"q": (2, 1, 64), "k": (2, 1, 16), "v": (2, 1, 16), "pk": (2, 2, 31, 8), "pv": (2, 2, 31, 8)}
    trace = grouped(sides, "q k v pk pv n t", "y nk nv", local_window_size=6)
    op = one(trace, "window_attention")
    assert op.pattern == Pattern.causal_window(32, 6, q_len=1, q_offset=31)
    assert op.macs == 2 * 8 * 16 * 6
    assert kinds(trace)[:2] == ["cache_append"] * 2


def test_packed_grouped_queries_are_taken_apart_by_views() -> None:
    packed = {"q": (2, 10, 64 + 32)}
    trace = fused("GroupQueryAttention", "q _ _ _ _ n t", GROUPED | packed, num_heads=8, kv_num_heads=2)
    assert kinds(trace) == ["attention"]
    assert one(trace, "attention").dims["head_dim"] == 8


def test_experts_are_grouped_products() -> None:
    """6 rows, each to 2 of 4 experts: 12 rows through both matrices."""
    sides = {"x": (6, 16), "r": (6, 4), "a": zeros(4, 16, 24), "b": zeros(4, 24, 16)}
    trace = fused("MoE", "x r a _ b", sides, k=2, activation_type="silu")
    assert trace.macs == 12 * 16 * 24 * 2
    products = [op for op in trace.ops if op.kind == "grouped_gemm"]
    assert [op.dims for op in products] == [
        {"m": 12, "n": 24, "k": 16, "groups": 4},
        {"m": 12, "n": 16, "k": 24, "groups": 4},
    ]


def test_an_optimized_residual_block_has_the_macs_of_the_plain_one() -> None:
    """What a reader that skips operators it does not know loses."""
    weights = {"w": zeros(8, 8, 3, 3), "v": zeros(8, 8, 3, 3), "n": ints(1, -1)}
    plain = [
        node("Conv", "x w", "a", pads=[1] * 4), node("Relu", "a", "b"),
        node("Conv", "b v", "c", pads=[1] * 4),
        node("Add", "c x", "d"), node("Relu", "d", "y"),
    ]  # fmt: skip
    optimized = [
        node("FusedConv", "x w", "b", domain=MICROSOFT, pads=[1] * 4, activation="Relu"),
        node("FusedConv", "b v _ x", "y", domain=MICROSOFT, pads=[1] * 4, activation="Relu"),
    ]
    first, second = (traced(nodes, {"x": (1, 8, 6, 6)}, constants=weights) for nodes in (plain, optimized))
    assert (first.macs, kinds(first)) == (second.macs, kinds(second))

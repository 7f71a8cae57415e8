"""The operator `Attention`, which ONNX has since opset 23: heads, caches, masks and places of queries."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.traces.bands import Band
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace
from tests.onnx.small_models import band, kinds, node, one, shapes, traced

QKV = dict.fromkeys("qkv", (2, 3, 10, 8))
SCATTERED = (np.random.default_rng(5).random((10, 10)) < 0.4) | np.eye(10, dtype=bool)


def attention(opset: int = 23, inputs: str = "q k v", sides: dict | None = None, **attrs: object) -> Trace:
    """The trace of one `Attention`."""
    return traced([node("Attention", inputs, **attrs)], sides or QKV, opset=opset)


def test_opset_23_has_it_as_one_operator() -> None:
    trace = attention(is_causal=1, softcap=30.0, scale=0.5)
    assert kinds(trace) == ["attention"]
    assert trace.ops[0].attrs == {"causal": True, "scale": 0.5, "softcap": 30.0}


def test_heads_of_keys_may_be_fewer() -> None:
    sides = {"q": (2, 8, 10, 16), "k": (2, 2, 12, 16), "v": (2, 2, 12, 4)}
    op = one(attention(sides=sides), "attention")
    expected = {"batch": 2, "heads": 8, "kv_heads": 2, "head_dim": 16, "v_dim": 4, "q_len": 10, "kv_len": 12}
    assert (op.dims, op.macs) == (expected, 2 * 8 * 120 * 20)


def test_heads_may_lie_side_by_side() -> None:
    sides = {"q": (2, 10, 128), "k": (2, 12, 32), "v": (2, 12, 8)}
    trace = attention(sides=sides, q_num_heads=8, kv_num_heads=2)
    assert kinds(trace) == ["attention"]
    assert trace.macs == 2 * 8 * 120 * 20
    assert shapes(trace) == [(2, 10, 32)]


def test_a_cache_is_appended_to() -> None:
    sides = {"q": (2, 3, 1, 8), "k": (2, 3, 1, 8), "v": (2, 3, 1, 8), "pk": (2, 3, 9, 8), "pv": (2, 3, 9, 8)}
    trace = traced([node("Attention", "q k v _ pk pv", "y nk nv")], sides, "y nk nv", opset=23)
    assert kinds(trace) == ["cache_append", "cache_append", "attention"]
    assert trace.ops[0].dims == {"elements": 48, "length": 480}
    assert one(trace, "attention").dims["kv_len"] == 10
    assert sorted(shapes(trace)) == [(2, 3, 1, 8), (2, 3, 10, 8), (2, 3, 10, 8)]


def test_a_mask_of_opset_23_becomes_a_pattern() -> None:
    trace = traced([node("Attention", "q k v mask")], QKV, constants={"mask": band(-2, 1)}, opset=23)
    pattern = one(trace, "window_attention").pattern
    assert pattern == Pattern(seq_len=10, bands=(Band(-2, 1, 1),))


@pytest.mark.parametrize("opset", [23, 24])
def test_causal_queries_stand_behind_the_cache(opset: int) -> None:
    sides = {"q": (1, 1, 2, 8), "k": (1, 1, 2, 8), "v": (1, 1, 2, 8), "pk": (1, 1, 4, 8), "pv": (1, 1, 4, 8)}
    nodes = [node("Attention", "q k v _ pk pv", is_causal=1)]
    assert one(traced(nodes, sides, opset=opset), "window_attention").macs // 16 == 5 + 6


@pytest.mark.parametrize("kind, beside", [("float", "bias"), ("bool", "bias")])
def test_a_causal_step_behind_a_cache_keeps_its_place_beside_a_mask(kind: str, beside: str) -> None:
    sides = {"q": (1, 1, 2, 8), "k": (1, 1, 2, 8), "v": (1, 1, 2, 8), "pk": (1, 1, 4, 8), "pv": (1, 1, 4, 8)}
    nodes = [node("Attention", "q k v m pk pv", is_causal=1)]
    op = one(traced(nodes, sides | {"m": (kind, (1, 1, 2, 6))}, opset=24), "window_attention")
    assert op.pattern == Pattern.causal_window(6, 6, q_len=2, q_offset=4)
    assert op.operand(beside) == op.inputs[3]


def test_a_causal_operator_reads_its_constant_mask() -> None:
    constants = {"mask": band(-2, 2)}
    made = traced([node("Attention", "q k v mask", is_causal=1)], QKV, constants=constants, opset=23)
    assert one(made, "window_attention").pattern == Pattern.causal_window(10, 3)
    constants = {"mask": SCATTERED}
    made = traced([node("Attention", "q k v mask", is_causal=1)], QKV, constants=constants, opset=23)
    assert one(made, "attention").attrs == {"causal": True}
    assert one(made, "attention").operand("mask") is not None

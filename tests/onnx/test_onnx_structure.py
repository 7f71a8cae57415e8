"""What becomes an op, a view or a constant; weights in few bits; recurrences step by step."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx.small_models import ints, kinds, node, one, shapes, traced, zeros


def test_a_reshape_that_has_to_copy_is_an_op() -> None:
    trace = traced(
        [node("Transpose", "x", "t", perm=[1, 0]), node("Reshape", "t n")],
        {"x": (4, 6)},
        constants={"n": ints(3, 8)},
    )
    assert [(op.kind, op.attrs["function"]) for op in trace.ops] == [("eltwise", "copy")]


def test_parts_of_a_split_are_views_of_one_memory() -> None:
    nodes = [node("Split", "x n", "a b", axis=1), node("Add", "a a", "p"), node("Mul", "b b", "q")]
    trace = traced(nodes, {"x": (4, 9)}, "p q", {"n": ints(3, 6)})
    (source,) = [tensor for tensor in trace.tensors if tensor.role == "input" and tensor.alias_of is None]
    views = [tensor for tensor in trace.tensors if tensor.alias_of == source.id]
    assert [view.shape for view in views] == [(4, 3), (4, 6)]
    assert [op.inputs for op in trace.ops] == [(views[0].id,) * 2, (views[1].id,) * 2]


def test_what_follows_from_weights_alone_is_a_constant() -> None:
    nodes = [node("Add", "w w", "a"), node("Sqrt", "a", "b"), node("MatMul", "x b")]
    trace = traced(nodes, {"x": (2, 3)}, constants={"w": zeros(3, 4)})
    assert kinds(trace) == ["gemm"]


def test_products_and_look_ups_of_weights_stay_ops() -> None:
    nodes = [node("MatMul", "w v", "a"), node("Gather", "a i", "b"), node("Add", "x b")]
    constants = {"w": zeros(3, 4), "v": zeros(4, 5), "i": ints(0, 2)}
    assert kinds(traced(nodes, {"x": (2, 5)}, constants=constants)) == ["gemm", "gather", "eltwise"]


def test_arithmetic_of_shapes_is_done_and_leaves_nothing() -> None:
    """The batch stays, the rest becomes one axis, in the six nodes of torch's older exporter."""
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Unsqueeze", "n axis", "m"),
        node("Concat", "m rest", "t", axis=0), node("Reshape", "x t", "r"), node("MatMul", "r w"),
    ]  # fmt: skip
    constants = {"zero": np.array(0), "axis": ints(0), "rest": ints(-1), "w": zeros(12, 5)}
    trace = traced(nodes, {"x": ("n", 3, 4)}, constants=constants, given={"x": (7, 3, 4)})
    assert kinds(trace) == ["gemm"]
    assert one(trace, "gemm").dims == {"batch": 1, "m": 7, "n": 5, "k": 12}


def test_places_of_constants_are_found() -> None:
    """As exporters pick the columns that a constant mask leaves."""
    nodes = [node("NonZero", "mask", "at"), node("Squeeze", "at zero", "i"), node("Gather", "x i", axis=1)]
    constants = {"mask": np.array([True, False, True, True]), "zero": ints(0)}
    trace = traced(nodes, {"x": (5, 4)}, constants=constants)
    assert (kinds(trace), shapes(trace)) == (["gather"], [(5, 3)])


def test_an_empty_cache_is_no_tensor_and_copies_nothing() -> None:
    nodes = [node("Concat", "past x", "k", axis=1), node("Add", "k k")]
    trace = traced(nodes, {"past": (2, 0, 4), "x": (2, 3, 4)})
    assert kinds(trace) == ["eltwise"]
    assert shapes(trace, "input") == [(2, 3, 4)]


def test_a_second_result_is_a_tensor_where_it_is_read() -> None:
    nodes = [node("TopK", "x k", "a b"), node("Gather", "w b", "y")]
    trace = traced(nodes, {"x": (3, 40)}, constants={"k": ints(4), "w": zeros(40, 8)})
    topk, gather = trace.ops
    assert gather.inputs[1] == topk.outputs[1]
    assert trace.tensor_map()[topk.outputs[1]].role == "index"


def test_quantized_products_read_and_make_few_bits() -> None:
    scale, point = np.float32(0.1), np.uint8(3)
    names = {f"s{i}": scale for i in range(3)} | {f"z{i}": point for i in range(3)}
    nodes = [node("QLinearMatMul", "x s0 z0 w s1 z1 s2 z2")]
    trace = traced(nodes, {"x": ("uint8", (4, 5))}, constants={**names, "w": zeros(5, 6, dtype="uint8")})
    assert (kinds(trace), trace.macs) == (["gemm"], 120)
    assert {tensor.dtype for tensor in trace.tensors} == {"uint8"} and len(trace.tensors) == 3


def test_quantized_convolutions_keep_their_bias_and_leave_scales_out() -> None:
    scale, point = np.float32(0.1), np.uint8(3)
    names = {f"s{i}": scale for i in range(3)} | {f"z{i}": point for i in range(3)}
    weights = {"w": zeros(4, 3, 3, 3, dtype="uint8"), "b": zeros(4, dtype="int32")}
    nodes = [node("QLinearConv", "x s0 z0 w s1 z1 s2 z2 b", pads=[1, 1, 1, 1])]
    trace = traced(nodes, {"x": ("uint8", (1, 3, 6, 6))}, constants={**names, **weights})
    assert trace.macs == 4 * 36 * 27
    assert [trace.tensor_map()[i].dtype for i in one(trace, "conv2d").inputs] == ["uint8", "uint8", "int32"]


def test_a_weight_in_few_bits_is_a_tensor_that_says_so() -> None:
    """QDQ: the file holds int8 and converts it before the convolution; the input's pair stays two ops."""
    nodes = [
        node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"),
        node("DequantizeLinear", "w ws wz", "v", axis=0), node("Conv", "d v"),
    ]  # fmt: skip
    scales = {"s": np.float32(0.1), "z": np.uint8(0), "ws": zeros(4), "wz": zeros(4, dtype="int8")}
    trace = traced(nodes, {"x": (1, 3, 6, 6)}, constants={**scales, "w": zeros(4, 3, 3, 3, dtype="int8")})
    assert kinds(trace) == ["quantize", "quantize", "conv2d"]
    weight = trace.tensor_map()[one(trace, "conv2d").inputs[1]]
    assert weight.quant is not None and (weight.quant.bits, weight.quant.axis) == (8, 0)
    assert weight.size_bytes == 4 * 27


@pytest.mark.parametrize("gates, op", [(4, "LSTM"), (3, "GRU"), (1, "RNN")])
@pytest.mark.parametrize("ways", [1, 2])
def test_a_recurrence_has_the_macs_of_its_steps(gates: int, op: str, ways: int) -> None:
    steps, batch, size, hidden = 5, 2, 7, 6
    weights = {"w": zeros(ways, gates * hidden, size), "r": zeros(ways, gates * hidden, hidden)}
    direction = "bidirectional" if ways == 2 else "forward"
    nodes = [node(op, "x w r", "all last", direction=direction, hidden_size=hidden)]
    trace = traced(nodes, {"x": (steps, batch, size)}, "all last", weights)
    assert trace.macs == ways * steps * batch * gates * hidden * (size + hidden)
    assert shapes(trace) == [(steps, ways, batch, hidden), (ways, batch, hidden)]
    assert kinds(trace).count("gemm") == ways * (1 + steps)


def test_steps_of_a_recurrence_wait_for_each_other() -> None:
    weights = {"w": zeros(1, 12, 7), "r": zeros(1, 12, 3)}
    trace = traced([node("LSTM", "x w r", "y", hidden_size=3)], {"x": (4, 1, 7)}, constants=weights)
    products = [op for op in trace.ops if op.kind == "gemm"][1:]
    states = [op for op in trace.ops if op.attrs.get("function") == "state"]
    roots = {tensor.id: tensor.alias_of or tensor.id for tensor in trace.tensors}
    for state, after in zip(states, products[1:], strict=False):
        assert roots[after.inputs[0]] == state.outputs[0]

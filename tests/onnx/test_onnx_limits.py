"""How many ops a trace of a file may have: recurrences and loops are unrolled."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces import limits
from tandemsim.workloads.onnx import recorder
from tests.onnx.small_models import graph, ints, kinds, node, traced, zeros

WAYS = {"LSTM": 4, "GRU": 3, "RNN": 1}
TOO_MANY = r"^a trace must hold at most 100 ops: recurrences are .* take a shorter sequence "


def stacked(op: str, steps: int) -> list[str]:
    """The kinds of two recurrences, each of so many steps."""
    nodes = [
        node(op, "x w r", "h", name="first", hidden_size=4),
        node("Squeeze", "h one", "s"),
        node(op, "s w r", name="second", hidden_size=4),
    ]
    weights = {name: zeros(1, 4 * WAYS[op], 4) for name in "wr"}
    return kinds(traced(nodes, {"x": (steps, 2, 4)}, constants=weights | {"one": ints(1)}))


def test_the_limit_is_that_of_traces() -> None:
    assert recorder.MAX_OPS is limits.MAX_OPS


@pytest.mark.parametrize("op", WAYS)
def test_a_recurrence_that_is_too_long_names_its_node_before_it_is_unrolled(
    op: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_OPS", 100)
    per_step = 2 if op == "RNN" else 3
    fits = (100 - 4) // (2 * per_step)  # beside the steps: products of all inputs, and the outputs joined
    assert len(stacked(op, fits)) == 2 * (per_step * fits + 2)
    with pytest.raises(ConfigError, match=rf"{TOO_MANY}\(node 'second'\)$"):
        stacked(op, fits + 3)
    unrolled: list[object] = []
    monkeypatch.setattr(recorder, "Step", lambda *of: unrolled.append(of))
    with pytest.raises(ConfigError, match=rf"{TOO_MANY}\(node 'first'\)$"):
        stacked(op, 100)
    assert not unrolled


def test_a_loop_of_too_many_ops_names_the_node_within_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_OPS", 100)
    body = [node("Relu", "h_in", "r", name="within"), node("Abs", "r", "h"), node("Identity", "c_in", "c")]
    inputs = [
        ("i", TensorProto.INT64, ()),
        ("c_in", TensorProto.BOOL, ()),
        ("h_in", TensorProto.FLOAT, (2, 3)),
    ]
    inner = graph(body, {})
    inner.input.extend(helper.make_tensor_value_info(*one) for one in inputs)
    del inner.output[:]
    inner.output.extend(helper.make_empty_tensor_value_info(name) for name in ("c", "h"))
    loop: NodeProto = node("Loop", "n go x", body=inner)
    constants = {"n": np.array(60), "go": np.array(True)}
    with pytest.raises(ConfigError, match=rf"{TOO_MANY}\(node 'within'\)$"):
        traced([loop], {"x": (2, 3)}, constants=constants)

"""ONNX files whose functions or sizes would make more than a trace holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces import limits
from tandemsim.workloads.onnx.model import import_file


def with_functions(folder: Path, functions: list[list[tuple[str, str, str]]]) -> Path:
    """Return a file whose one node calls the first of these local functions."""
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    graph = helper.make_graph(
        [helper.make_node("F0", ["x"], ["y"], domain="own")],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    made = [
        helper.make_function(
            "own", f"F{index}", ["a"], ["b"],
            [
                helper.make_node(name, [source], [target], domain="own" if name.startswith("F") else "")
                for name, source, target in calls
            ],
            opsets,
        )
        for index, calls in enumerate(functions)
    ]  # fmt: skip
    path = folder / "functions.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, functions=made).SerializeToString())
    return path


def test_functions_that_call_themselves_are_refused(tmp_path: Path) -> None:
    alone = [[("F0", "a", "b")]]
    in_turn = [[("F1", "a", "b")], [("Relu", "a", "t"), ("F0", "t", "b")]]
    for functions in (alone, in_turn):
        with pytest.raises(ConfigError, match="local functions must not call themselves: 'F0'"):
            import_file(with_functions(tmp_path, functions))


def test_functions_that_make_too_many_nodes_are_refused_before_they_are_made(tmp_path: Path) -> None:
    twice = [[(f"F{index + 1}", "a", "t"), (f"F{index + 1}", "t", "b")] for index in range(30)]
    path = with_functions(tmp_path, [*twice, [("Relu", "a", "b")]])
    with pytest.raises(ConfigError, match=rf"at most {limits.MAX_OPS} nodes .*, not {2**30}$"):
        import_file(path)
    few = with_functions(tmp_path, [[("F1", "a", "t"), ("F1", "t", "b")], [("Relu", "a", "b")]])
    assert len(import_file(few).ops) == 2


def test_a_side_that_a_trace_cannot_state_names_its_node(tmp_path: Path) -> None:
    node = helper.make_node("ConstantOfShape", ["s"], ["y"])
    graph = helper.make_graph(
        [node], "graph", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("s", TensorProto.INT64, [1], [2**40])],
    )  # fmt: skip
    path = tmp_path / "huge.onnx"
    opsets = [helper.make_opsetid("", 18)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    with pytest.raises(ConfigError, match=rf"sides of at most {2**31 - 1}, not {2**40} \(node 'y'\)"):
        import_file(path)

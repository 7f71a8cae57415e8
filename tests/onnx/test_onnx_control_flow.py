"""If, Loop and Scan: recorded in place where their course is known, refused by name where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import GraphProto, helper

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Trace
from tests.onnx.small_models import graph, kinds, node, shapes, traced, zeros


def branch(width: str) -> GraphProto:
    return graph([node("MatMul", f"x {width}", "r")], {}, "r", name=width)


CHOICES = {"small": zeros(4, 2), "large": zeros(4, 9)}


@pytest.mark.parametrize("chosen, macs", [(True, 3 * 4 * 2), (False, 3 * 4 * 9)])
def test_a_known_condition_chooses_a_branch(chosen: bool, macs: int) -> None:
    choice = node("If", "c", then_branch=branch("small"), else_branch=branch("large"))
    trace = traced([choice], {"x": (3, 4)}, constants=CHOICES | {"c": np.array(chosen)})
    assert (kinds(trace), trace.macs) == (["gemm"], macs)


def test_a_condition_that_follows_from_shapes_is_known() -> None:
    nodes = [node("Size", "x", "n"), node("Greater", "n ten", "c")]
    nodes.append(node("If", "c", then_branch=branch("small"), else_branch=branch("large")))
    trace = traced(nodes, {"x": (3, 4)}, constants=CHOICES | {"ten": np.array(10)})
    assert trace.macs == 3 * 4 * 2


def test_a_condition_of_the_input_is_refused() -> None:
    choice = node("If", "c", name="which", then_branch=branch("small"), else_branch=branch("large"))
    message = r"its condition must be known, and it depends on an input \(If, node 'which'\)"
    with pytest.raises(ConfigError, match=message):
        traced([choice], {"x": (3, 4), "c": ("bool", ())}, constants=CHOICES)


def rounds(most: object, body: list, outputs: str = "go h", end: str = "y") -> Trace:
    """A loop that carries h, with a weight of the graph around it."""
    names = {"i": ("int64", ()), "go": ("bool", ()), "h_in": (3, 4)}
    inner = graph(body, names, outputs)
    sides = {"x": (3, 4)} if isinstance(most, np.ndarray) else {"x": (3, 4), "n": ("int64", ())}
    known = {"w": zeros(4, 4)} | ({"n": most} if isinstance(most, np.ndarray) else {})
    return traced([node("Loop", "n _ x", end, body=inner, name="again")], sides, end, known)


def test_a_loop_of_known_rounds_is_unrolled() -> None:
    trace = rounds(np.array(5), [node("MatMul", "h_in w", "h")])
    assert (kinds(trace), trace.macs) == (["gemm"] * 5, 5 * 3 * 16)
    for before, after in zip(trace.ops, trace.ops[1:], strict=False):
        assert after.inputs[0] == before.outputs[0]


def test_what_each_round_gives_is_stacked() -> None:
    trace = rounds(
        np.array(5), [node("MatMul", "h_in w", "h"), node("Relu", "h", "row")], "go h row", "y rows"
    )
    assert kinds(trace) == ["gemm", "act"] * 5 + ["eltwise"]
    assert sorted(shapes(trace)) == [(3, 4), (5, 3, 4)]


def test_a_loop_ends_when_its_condition_says_so() -> None:
    body = [node("MatMul", "h_in w", "h"), node("Less", "i two", "on")]
    inner = graph(body, {"i": ("int64", ()), "go": ("bool", ()), "h_in": (3, 4)}, "on h")
    known = {"w": zeros(4, 4), "two": np.array(2)}
    trace = traced([node("Loop", "_ _ x", body=inner)], {"x": (3, 4)}, constants=known)
    assert kinds(trace) == ["gemm"] * 3


@pytest.mark.parametrize(
    "most, body, message",
    [
        (None, [node("MatMul", "h_in w", "h")], r"the value of its input 0 must be known"),
        (np.array(9999), [node("Relu", "h_in", "h")], r"a loop must have at most 4096 rounds"),
        (
            np.array(0),
            [node("Relu", "h_in", "h"), node("Abs", "h", "row")],
            r"a loop without rounds must give",
        ),
    ],
)
def test_a_loop_without_a_bound_is_refused(most: object, body: list, message: str) -> None:
    last = len(body) == 2
    with pytest.raises(ConfigError, match=rf"{message}.*\(Loop, node 'again'\)"):
        rounds(most, body, "go h row" if last else "go h", "y rows" if last else "y")


def test_a_scan_goes_along_an_axis() -> None:
    """A recurrence written as a scan: the state waits, and the rows of the input are views."""
    body = graph(
        [node("Add", "h_in row", "s"), node("MatMul", "s w", "h"), node("Identity", "h", "out")],
        {"h_in": (1, 4), "row": (1, 4)},
        "h out",
    )
    loop = node("Scan", "h0 x", "h_end y", body=body, num_scan_inputs=1, scan_input_axes=[1])
    trace = traced([loop], {"x": (1, 6, 4), "h0": (1, 4)}, "h_end y", {"w": zeros(4, 4)})
    assert kinds(trace) == ["eltwise", "gemm"] * 6 + ["eltwise"]
    assert (6, 1, 4) in shapes(trace)


def test_operators_within_a_branch_are_checked_before_it_runs() -> None:
    inner = graph([helper.make_node("Foo", ["x"], ["r"], domain="example")], {}, "r")
    choice = node("If", "c", then_branch=inner, else_branch=branch("small"))
    with pytest.raises(
        ConfigError, match=r"operator 'Foo' of domain 'example', once, first in node 'r', is unknown"
    ):
        traced([choice], {"x": (3, 4)}, constants=CHOICES | {"c": np.array(False)})

"""What an attention of a trace states, computed by numpy, is what ONNX's reference makes of the nodes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from tandemsim.workloads.onnx.model import import_model
from tests.onnx.attention_values import Values, output
from tests.onnx.small_models import graph, ints, model, node

Floats = NDArray[np.float32]
LENGTH, SIZE = 12, 8
LEAST = np.finfo(np.float32).min


PLACE = np.arange(LENGTH)
NEAR = abs(PLACE[:, None] - PLACE[None, :]) <= 2
PAST = PLACE[None, :] <= PLACE[:, None]
TOKENS = NEAR | (PLACE == 3)[None, :] | (PLACE == 3)[:, None]
SCATTERED = (np.random.default_rng(5).random((LENGTH, LENGTH)) < 0.4) | np.eye(LENGTH, dtype=bool)
NUMBERS = {"low": np.float32(LEAST), "c": np.float32(2.5), "d": np.float32(0.3), "two": ints(2)}
NUMBERS |= {"groups": ints(1, 1, 3, 1, 1), "heads": ints(2, 6, LENGTH, SIZE)}


def added(mask: NDArray[np.bool_]) -> Floats:
    return np.where(mask, 0, LEAST).astype(np.float32)


#: Nodes from the scores `s` to `t`, and the masks that they read.
CASES: dict[str, tuple[list[NodeProto], dict[str, NDArray[np.generic]]]] = {
    "plain": ([node("Identity", "s", "t")], {}),
    "scaled": ([node("Mul", "d s", "t")], {}),
    "scaled twice": ([node("Mul", "s d", "a"), node("Div", "a c", "t")], {}),
    "capped": ([node("Div", "s c", "a"), node("Tanh", "a", "b"), node("Mul", "b c", "t")], {}),
    "scaled and capped": (
        [node("Mul", "s d", "e"), node("Div", "e c", "a"), node("Tanh", "a", "b"), node("Mul", "b c", "t")],
        {},
    ),
    "window": ([node("Add", "s mask", "t")], {"mask": added(NEAR)}),
    "window, scaled": ([node("Mul", "s d", "a"), node("Add", "a mask", "t")], {"mask": added(NEAR)}),
    "causal": ([node("Where", "mask s low", "t")], {"mask": PAST}),
    "causal window": ([node("Where", "mask s low", "t")], {"mask": PAST & NEAR}),
    "true where denied": ([node("Where", "mask low s", "t")], {"mask": ~(PAST & NEAR)}),
    "true where denied, no pattern": ([node("Where", "mask low s", "t")], {"mask": ~SCATTERED}),
    "an input, true where denied": ([node("Where", "denied low s", "t")], {}),
    "no pattern": ([node("Where", "mask s low", "t")], {"mask": SCATTERED}),
    "global token": ([node("Add", "s mask", "t")], {"mask": added(TOKENS)}),
    "two masks": (
        [node("Add", "s mask", "a"), node("Where", "past a low", "t")],
        {"mask": added(NEAR), "past": PAST},
    ),
    "capped, then masked": (
        [
            node("Div", "s c", "a"),
            node("Tanh", "a", "b"),
            node("Mul", "b c", "e"),
            node("Add", "e mask", "t"),
        ],
        {"mask": added(NEAR)},
    ),
    "positions": ([node("Add", "s bias", "t")], {}),
    "positions in a window": (
        [node("Add", "s bias", "a"), node("Add", "a mask", "t")],
        {"mask": added(NEAR)},
    ),
}


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_what_is_stated_is_what_the_nodes_compute(name: str, grouped: bool) -> None:
    between, masks = CASES[name]
    start = []
    for key in "kv" if grouped else "":
        start += [node("Unsqueeze", f"{key}2 two", f"{key}u"), node("Expand", f"{key}u groups", f"{key}e")]
        start.append(node("Reshape", f"{key}e heads", key))
    ends = [node("Softmax", "t", "p", axis=-1), node("MatMul", "p v")]
    nodes = [
        *start,
        node("Transpose", "k", "kt", perm=[0, 1, 3, 2]),
        node("MatMul", "q kt", "s"),
        *between,
        *ends,
    ]
    few = (2, 2, LENGTH, SIZE)
    sides = {
        "q": (2, 6, LENGTH, SIZE),
        **({"k2": few, "v2": few} if grouped else dict.fromkeys("kv", (2, 6, LENGTH, SIZE))),
    }
    if "positions" in name:
        sides["bias"] = (1, 6, LENGTH, LENGTH)
    if "an input" in name:
        sides["denied"] = ("bool", (LENGTH, LENGTH))
    made = model(graph(nodes, sides, constants=NUMBERS | masks))
    trace = import_model(made, name)
    (op,) = [op for op in trace.ops if "attention" in op.kind]
    rng = np.random.default_rng(1)
    floats = {key: shape for key, shape in sides.items() if key != "denied"}
    given = {key: rng.normal(size=shape).astype(np.float32) for key, shape in floats.items()}
    given |= {"denied": ~SCATTERED} if "denied" in sides else {}
    (expected,) = ReferenceEvaluator(made).run(None, given)
    assert op.dim("kv_heads") == (2 if grouped else 6)
    assert np.allclose(output(op, Values(trace, given | masks)), expected, atol=1e-5)

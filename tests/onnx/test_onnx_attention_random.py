"""Random attentions: what a trace states, computed by numpy, is what ONNX's reference makes of the nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator

from tandemsim.traces.schema import Op
from tandemsim.workloads.onnx.model import import_model
from tests.examples import some_of
from tests.onnx.attention_values import Floats, Values, output
from tests.onnx.small_models import graph, model, node

LEAST = np.finfo(np.float32).min
SIZE, V_SIZE = 4, 3


def agrees(made: Floats, expected: Floats) -> bool:
    """Whether two outputs are the same within single precision."""
    return bool(np.allclose(made, expected, rtol=1e-4, atol=1e-4))


def some_mask(draw: Any, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """A mask: of booleans or summands; bands, causal or scattered; at times a query sees nothing."""
    apart = np.arange(shape[-1]) - np.arange(shape[-2])[:, None] if len(shape) > 1 else np.arange(shape[-1])
    kind = draw(st.sampled_from(["band", "causal", "scattered", "window", "all", "bias"]))
    if kind == "bias":
        return rng.normal(size=shape).astype(np.float32)
    low, high = draw(st.integers(-3, 1)), draw(st.integers(-1, 3))
    allowed = {
        "band": (low <= apart) & (apart <= high), "causal": apart <= shape[-1] - shape[-2] if len(shape) > 1
        else apart <= 1, "scattered": rng.random(shape) < 0.6, "window": (low <= apart) & (apart <= 0),
        "all": apart == apart,
    }[kind]  # fmt: skip
    allowed = np.broadcast_to(allowed, shape).copy()
    if draw(st.sampled_from([True, False, False])) and len(shape) > 1:
        allowed[..., rng.integers(shape[-2]), :] = False
    if draw(st.booleans()):
        return allowed
    return np.where(allowed, 0, draw(st.sampled_from([-np.inf, -1e9, LEAST]))).astype(np.float32)


@st.composite
def operators(draw: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, NDArray[Any]], int]:
    """An `Attention`: its attributes, its inputs, its constants, its opset."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    opset, flat = draw(st.sampled_from([23, 24, 25])), draw(st.booleans())
    batch, kv_heads, groups = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    q_len, new, past = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.sampled_from([0, 0, 1, 3]))
    attrs: dict[str, Any] = {"is_causal": draw(st.integers(0, 1))}
    if draw(st.booleans()):
        attrs |= {"scale": 0.25, "softcap": 2.0}
    if opset >= 25 and draw(st.booleans()):
        attrs |= {"left_window_size": draw(st.integers(-1, 3)), "right_window_size": draw(st.integers(-1, 3))}

    def side(heads: int, length: int, size: int) -> Floats:
        shape = (batch, length, heads * size) if flat else (batch, heads, length, size)
        return rng.normal(size=shape).astype(np.float32)

    heads, kv_len = kv_heads * groups, past + new
    inputs = {
        "q": side(heads, q_len, SIZE), "k": side(kv_heads, new, SIZE), "v": side(kv_heads, new, V_SIZE)
    }  # fmt: skip
    attrs |= {"q_num_heads": heads, "kv_num_heads": kv_heads} if flat else {}
    constants: dict[str, NDArray[Any]] = {}
    if draw(st.sampled_from([True, True, False])):
        shorter = draw(st.integers(0, min(2, kv_len - 1))) if opset >= 24 else 0
        sides = [batch, heads, q_len, kv_len - shorter]
        sides = [draw(st.sampled_from([1, length])) for length in sides[:3]] + sides[3:]
        mask = some_mask(draw, tuple(sides[draw(st.integers(0, 3)) :]), rng)
        (inputs if draw(st.booleans()) else constants)["mask"] = mask
    if past:
        caches = {"pk": (batch, kv_heads, past, SIZE), "pv": (batch, kv_heads, past, V_SIZE)}
        inputs |= {name: rng.normal(size=shape).astype(np.float32) for name, shape in caches.items()}
    elif opset >= 24 and draw(st.booleans()):
        known = draw(st.booleans())
        filled = rng.integers(1, kv_len + 1, size=batch) if known else np.full(batch, kv_len)
        (constants if known else inputs)["n"] = filled.astype(np.int64)
    return attrs, inputs, constants, opset


TYPES = {"bool": "bool", "float32": "float", "int64": "int64", "int32": "int32"}


def of_one_node(
    attrs: dict[str, Any], inputs: dict[str, NDArray[Any]], constants: dict[str, NDArray[Any]], opset: int
) -> ModelProto:
    """The model of one `Attention`."""
    order = ["q", "k", "v", "mask", "pk", "pv", "n"]
    names = [name if name in inputs or name in constants else "_" for name in order]
    outputs = "y nk nv" if "pk" in inputs else "y"
    sides = {name: (TYPES[str(array.dtype)], array.shape) for name, array in inputs.items()}
    words = " ".join(names).rstrip(" _")
    return model(graph([node("Attention", words, outputs, **attrs)], sides, outputs, constants), opset)


def reference(attrs: dict[str, Any], given: dict[str, NDArray[Any]], opset: int) -> Floats:
    """What onnx computes. Its causal part takes a mask of one query for one of that many queries."""
    if "mask" in given:
        mask, q_len = given["mask"], given["q"].shape[-2]
        given |= {"mask": np.broadcast_to(mask, (*mask.shape[:-2], q_len, mask.shape[-1])).copy()}
    made: Floats = ReferenceEvaluator(of_one_node(attrs, given, {}, opset)).run(None, given)[0]
    return made


def pairs(op: Op) -> NDArray[Any]:
    """Which pairs an attention states, without its operands."""
    if op.pattern is not None:
        return op.pattern.mask(range(op.pattern.q_len))
    made = np.ones((op.dim("q_len"), op.dim("kv_len")), bool)
    return np.tril(made) if op.attrs.get("causal") else made


def heads_apart(x: Floats, heads: int) -> Floats:
    """(batch, tokens, heads · size) as (batch, heads, tokens, size)."""
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def seen(
    first: NDArray[Any], ends: NDArray[Any], q_len: int, kv_len: int, attrs: dict[str, Any]
) -> NDArray[Any]:
    """Which pairs are allowed by place, by the definition, pair by pair: (texts, 1, q_len, kv_len).

    Of each text, its `first` query's token and where its keys end.
    """
    left, right = (attrs.get(f"{side}_window_size", -1) for side in ("left", "right"))
    made = np.zeros((len(first), 1, q_len, kv_len), bool)
    for text, _, query, key in np.ndindex(*made.shape):
        token = query + first[text]
        near = (left < 0 or key >= token - left) and (right < 0 or key <= token + right)
        made[text, 0, query, key] = key < ends[text] and near and not (attrs["is_causal"] and key > token)
    return made


@settings(max_examples=some_of(300), deadline=None)
@given(operators())
def test_an_operator_states_what_the_reference_computes(case: Any) -> None:
    attrs, inputs, constants, opset = case
    made = of_one_node(attrs, inputs, constants, opset)
    trace = import_model(made, "m")
    (op,) = [op for op in trace.ops if "attention" in op.kind]
    expected = reference(attrs, inputs | constants, opset)
    heads, kv_heads = op.dim("heads"), op.dim("kv_heads")
    q = heads_apart(inputs["q"], heads)
    k, v = (heads_apart(inputs[name], kv_heads) for name in "kv")
    if "pk" in inputs:
        k, v = (np.concatenate((inputs[cache], new), axis=2) for cache, new in (("pk", k), ("pv", v)))
    q_len, kv_len = q.shape[2], k.shape[2]
    first = np.array([kv_len - q_len if "n" in inputs else kv_len - inputs["k"].shape[-2]])
    known = {"places": seen(first, np.array([kv_len]), q_len, kv_len, attrs)}
    if "n" in constants:
        known["filled"] = seen(constants["n"] - q_len, constants["n"], q_len, kv_len, attrs)
    stated = output(op, Values(trace, inputs | constants | known), (q, k, v))
    stated = stated if inputs["q"].ndim == 4 else stated.swapaxes(1, 2).reshape(expected.shape)
    assert agrees(stated, expected)
    by_place = known["places"][0, 0]
    if "mask" not in constants and "n" not in constants and by_place.any(axis=1).all():
        assert (pairs(op) == by_place).all(), "a mask that is not known must not hide what is seen by place"


LENGTH = 6
PLACE = np.arange(LENGTH)


@st.composite
def chains(draw: Any) -> Any:
    """Products around a softmax: nodes, inputs, constants, and which queries see a key: (..., q_len)."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    q_len, lead = draw(st.integers(1, LENGTH)), draw(st.sampled_from([(), (2,), (2, 3), (1, 3), (2, 1, 3)]))
    own = draw(st.booleans())  # queries, keys and values are one tensor
    q_len = LENGTH if own else q_len
    nodes = [node("Transpose", "x" if own else "k", "kt", perm=[*range(len(lead)), len(lead) + 1, len(lead)])]
    nodes.append(node("MatMul", "x kt" if own else "q kt", "s0"))
    inputs = {name: rng.normal(size=(*lead, LENGTH, SIZE)) for name in ("x" if own else "kv")}
    inputs |= {} if own else {"q": rng.normal(size=(*lead, q_len, SIZE))}
    inputs = {name: array.astype(np.float32) for name, array in inputs.items()}
    constants: dict[str, NDArray[Any]] = {"low": np.float32(LEAST)}
    allowed = np.ones((q_len, LENGTH), bool)
    masks = draw(st.integers(0, 3))
    for place in range(masks):
        sides = [*lead, q_len, LENGTH]
        sides = [draw(st.sampled_from([1, side])) for side in sides[:-1]] + sides[-1:]
        mask = some_mask(draw, tuple(sides[draw(st.integers(0, len(sides) - 1)) :]), rng)
        name = f"mask{place}"
        (inputs if draw(st.booleans()) else constants)[name] = mask
        step = ("Where", f"{name} s{place} low") if mask.dtype == np.bool_ else ("Add", f"s{place} {name}")
        nodes.append(node(*step, f"s{place + 1}"))
        allowed = allowed & (mask if mask.dtype == np.bool_ else mask > -1e4)
    nodes += [node("Softmax", f"s{masks}", "p", axis=-1), node("MatMul", "p x" if own else "p v")]
    return nodes, inputs, constants, allowed.any(axis=-1)


@settings(max_examples=some_of(300), deadline=None)
@given(chains())
def test_products_around_a_softmax_state_what_the_reference_computes(case: Any) -> None:
    """Where a query sees no key, the masks are operands: how large a denying number is then matters."""
    nodes, inputs, constants, sees = case
    sides = {name: (TYPES[str(array.dtype)], array.shape) for name, array in inputs.items()}
    made = model(graph(nodes, sides, constants=constants))
    trace = import_model(made, "m")
    found = [op for op in trace.ops if "attention" in op.kind]
    if not found:
        assert [op.kind for op in trace.ops if op.kind != "eltwise"] == ["gemm", "softmax", "gemm"]
        return
    with np.errstate(all="ignore"):  # sums of infinities, where no key is seen
        (expected,) = ReferenceEvaluator(made).run(None, inputs)
        stated = output(found[0], Values(trace, inputs | constants)).reshape(expected.shape)
    shown = np.broadcast_to(sees[..., None], expected.shape)
    assert agrees(np.where(shown, stated, 0), np.where(shown, expected, 0))
    assert sees.all() or found[0].kind == "attention" or found[0].operand("bias") is not None

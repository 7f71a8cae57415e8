"""Attention: two products around a softmax, or the operator of opset 23, with the pattern of its mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto

from tandemsim.traces.bands import Band
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace
from tandemsim.workloads.known_masks import NO_PATTERN, TOO_LARGE
from tandemsim.workloads.onnx import constants as constants_module
from tests.onnx.small_models import band, ints, kinds, node, one, shapes, traced

QKV = {"q": (2, 3, 10, 8), "k": (2, 3, 10, 8), "v": (2, 3, 10, 8)}
DENSE = 2 * 2 * 3 * 8 * 10 * 10  # MACs of all pairs
LEAST = np.finfo(np.float32).min
SCATTERED = (np.random.default_rng(5).random((10, 10)) < 0.4) | np.eye(10, dtype=bool)


def chain(*between: NodeProto, scores: str = "s", axis: int = -1) -> list[NodeProto]:
    """The products of an attention, with what stands between the first and the softmax of `scores`."""
    first = [node("Transpose", "k", "kt", perm=[0, 1, 3, 2]), node("MatMul", "q kt", "s")]
    return [*first, *between, node("Softmax", scores, "p", axis=axis), node("MatMul", "p v")]


def masked(mask: np.ndarray, q_len: int = 10, kv_len: int = 10) -> Trace:
    """The trace of an attention with a constant mask: added, or chosen by where it holds booleans."""
    sides = {"q": (2, 3, q_len, 8), "k": (2, 3, kv_len, 8), "v": (2, 3, kv_len, 8)}
    if mask.dtype == np.bool_:
        step = node("Where", "mask s low", "m")
    else:
        step = node("Add", "s mask", "m")
    return traced(chain(step, scores="m"), sides, constants={"mask": mask, "low": np.float32(LEAST)})


# -- the chain ----------------------------------------------------------------------------------------------


def test_two_products_around_a_softmax_are_one_attention() -> None:
    trace = traced(chain(), QKV)
    op = one(trace, "attention")
    assert kinds(trace) == ["attention"]
    assert (op.macs, op.attrs) == (DENSE, {"scale": 1.0})
    assert op.dims == {"batch": 2, "heads": 3, "head_dim": 8, "q_len": 10, "kv_len": 10}
    assert shapes(trace) == [(2, 3, 10, 8)]


@pytest.mark.parametrize(
    "between, constant, attrs",
    [
        ([node("Mul", "s c", "t")], 8**-0.5, {}),
        ([node("Div", "s c", "t")], 8**0.5, {}),
        ([node("Div", "s c", "t")], 4, {"scale": 0.25}),
        ([node("Mul", "c s", "t")], 0.5, {"scale": 0.5}),
        ([node("Cast", "s", "t", to=1)], 1, {"scale": 1.0}),
        (
            [node("Div", "s c", "a"), node("Tanh", "a", "b"), node("Mul", "b c", "t")],
            50,
            {"scale": 1.0, "softcap": 50.0},
        ),
    ],
)
def test_scales_and_soft_caps_are_attributes(between, constant, attrs) -> None:
    trace = traced(chain(*between, scores="t"), QKV, constants={"c": np.float32(constant)})
    assert one(trace, "attention").attrs == pytest.approx(attrs)
    assert kinds(trace) == ["attention"]


def test_the_guard_of_torchs_exporter_belongs_to_the_attention() -> None:
    guard = [
        node("Softmax", "s", "p"),
        node("IsNaN", "p", "n"),
        node("Where", "n zero p", "g"),
        node("MatMul", "g v"),
    ]
    trace = traced([*chain()[:2], *guard], QKV, constants={"zero": np.float32(0)})
    assert kinds(trace) == ["attention"]


@pytest.mark.parametrize(
    "nodes, outputs",
    [
        (chain(axis=2), "y"),  # a softmax over queries
        (chain(), "y s"),  # the scores are a result
        (chain(), "y p"),  # and so are the probabilities
        ([*chain(), node("Relu", "s", "r")], "y r"),  # someone else reads the scores
        (chain(node("Relu", "s", "t"), scores="t"), "y"),  # scores of which only the positive ones count
        ([*chain()[:-1], node("MatMul", "v p")], "y"),  # the probabilities stand on the right
        (chain(node("Mul", "s q", "t"), scores="t"), "y"),  # the scale is not a constant of one element
    ],
)  # fmt: skip
def test_what_is_no_attention_stays_products(nodes: list[NodeProto], outputs: str) -> None:
    sides = {"q": (2, 3, 8, 8), "k": (2, 3, 8, 8), "v": (2, 3, 8, 8)}
    trace = traced(nodes, sides, outputs)
    assert [kind for kind in kinds(trace) if kind not in ("eltwise", "act")] == [
        "gemm",
        "softmax",
        "gemm",
    ]
    assert trace.macs == 2 * 6 * 8**3


@pytest.mark.parametrize("lead, batch, heads", [((), 1, 1), ((5,), 5, 1), ((2, 3), 2, 3), ((4, 2, 3), 8, 3)])
def test_any_number_of_leading_axes_will_do(lead: tuple[int, ...], batch: int, heads: int) -> None:
    axes = [*range(len(lead)), len(lead) + 1, len(lead)]
    nodes = [node("Transpose", "k", "kt", perm=axes), *chain()[1:]]
    trace = traced(nodes, dict.fromkeys("qkv", (*lead, 10, 8)))
    op = one(trace, "attention")
    assert (op.dims["batch"], op.dims["heads"]) == (batch, heads)
    assert shapes(trace) == [(*lead, 10, 8)]


def test_values_may_have_a_size_of_their_own() -> None:
    trace = traced(chain(), QKV | {"v": (2, 3, 10, 5)})
    assert (one(trace, "attention").dims["v_dim"], trace.macs) == (5, 6 * 100 * (8 + 5))


def test_heads_side_by_side_are_joined_without_a_copy() -> None:
    """As behind a fused kernel: transpose and reshape of its result are views."""
    end = [node("Transpose", "o", "t", perm=[0, 2, 1, 3]), node("Reshape", "t n")]
    nodes = [*chain()[:-1], node("MatMul", "p v", "o"), *end]
    trace = traced(nodes, QKV, constants={"n": ints(2, 10, 24)})
    assert kinds(trace) == ["attention"]


def repeated(name: str, made: str, *, first: bool = False) -> list[NodeProto]:
    """Heads of keys or values, each repeated in a row; with `first`, all of them one time after the other."""
    nodes = [node("Unsqueeze", f"{name} {'one' if first else 'two'}", f"{name}u")]
    nodes.append(node("Expand", f"{name}u {'turns' if first else 'groups'}", f"{name}e"))
    return [*nodes, node("Reshape", f"{name}e heads", made)]


REPEATED = {"one": ints(1), "two": ints(2), "heads": ints(2, 6, 10, 8)}
REPEATED |= {"groups": ints(1, 1, 3, 1, 1), "turns": ints(1, 3, 1, 1, 1)}


def test_keys_repeated_for_a_group_of_heads_are_read_where_they_come_from() -> None:
    sides = {"q": (2, 6, 10, 8), "g": (2, 2, 10, 8), "h": (2, 2, 10, 8)}
    trace = traced([*repeated("g", "k"), *repeated("h", "v"), *chain()], sides, constants=REPEATED)
    op = one(trace, "attention")
    assert (kinds(trace), op.dims["kv_heads"], op.macs) == (["attention"], 2, 2 * DENSE)


def test_one_head_of_keys_for_all_is_read_once() -> None:
    sides = {"q": (2, 6, 10, 8), "g": (2, 1, 10, 8), "h": (2, 1, 10, 8)}
    constants = REPEATED | {"groups": ints(1, 1, 6, 1, 1)}
    trace = traced([*repeated("g", "k"), *repeated("h", "v"), *chain()], sides, constants=constants)
    assert (kinds(trace), one(trace, "attention").dims["kv_heads"]) == (["attention"], 1)


def test_heads_repeated_in_another_order_are_copied() -> None:
    """Head 1 of the queries would meet head 1 of the keys, and in a group of three it meets head 0."""
    sides = {"q": (2, 6, 10, 8), "g": (2, 2, 10, 8), "h": (2, 2, 10, 8)}
    nodes = [*repeated("g", "k", first=True), *repeated("h", "v", first=True), *chain()]
    trace = traced(nodes, sides, constants=REPEATED)
    assert kinds(trace) == ["eltwise", "eltwise", "attention"]
    assert "kv_heads" not in one(trace, "attention").dims


def test_keys_that_others_read_too_are_copied_for_them_alone() -> None:
    sides = {"q": (2, 6, 10, 8), "g": (2, 2, 10, 8), "h": (2, 2, 10, 8)}
    nodes = [*repeated("g", "k"), *repeated("h", "v"), *chain(), node("Relu", "k", "z")]
    trace = traced(nodes, sides, "y z", REPEATED)
    assert kinds(trace) == ["attention", "eltwise", "act"]


# -- masks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [LEAST, -np.inf, -10000.0])
def test_a_mask_that_is_added_becomes_a_pattern(low: float) -> None:
    trace = masked(np.where(band(-3, 2), 0, low).astype(np.float32)[None, None])
    op = one(trace, "window_attention")
    assert op.pattern == Pattern(seq_len=10, bands=(Band(-3, 2, 1),))
    assert op.macs == 6 * 16 * int(band(-3, 2).sum())
    assert len(op.inputs) == 3


@pytest.mark.parametrize(
    "allowed, pattern",
    [
        (band(-9, 2), Pattern(seq_len=10, bands=(Band(-9, 2, 1),))),
        (band(-4, 4, step=2), Pattern(seq_len=10, bands=(Band(-4, 4, 2),))),
        (band(-1, 1) | band(-9, 9, step=3), None),
        (band(-3, 0), Pattern.causal_window(10, 4)),
    ],
)
def test_a_mask_of_booleans_becomes_a_pattern(allowed: np.ndarray, pattern: Pattern | None) -> None:
    op = one(masked(allowed), "window_attention")
    assert op.pattern is not None
    assert pattern in (None, op.pattern)
    assert (op.pattern.mask(range(10)) == allowed).all()


def test_global_tokens_are_read() -> None:
    allowed = band(-2, 2)
    allowed[[0, 5]] = allowed[:, [0, 5]] = True
    op = one(masked(allowed), "window_attention")
    assert op.attrs == {"bands": [[-2, 2, 1]], "global_tokens": [0, 5], "scale": 1.0}


def test_sinks_before_a_causal_window_are_read() -> None:
    allowed = band(-2, 0)
    allowed[:, 0] = True
    pattern = one(masked(allowed & band(-9, 0)), "window_attention").pattern
    assert pattern is not None and pattern.sink_tokens == (0,) and pattern.causal


def test_a_causal_mask_is_a_flag_and_one_that_allows_all_is_nothing() -> None:
    assert one(masked(band(-9, 0)), "attention").attrs == {"causal": True, "scale": 1.0}
    assert one(masked(band(-9, 9)), "attention").attrs == {"scale": 1.0}


def test_queries_behind_a_cache_have_an_offset() -> None:
    allowed = band(-3, 0)[6:]
    op = one(masked(allowed, q_len=4), "window_attention")
    assert (op.dims["q_len"], op.dims["seq_len"], op.attrs["q_offset"]) == (4, 10, 6)
    assert op.macs == 6 * 16 * int(allowed.sum())


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_without_a_pattern_stays_an_operand(seed: int) -> None:
    allowed = np.random.default_rng(seed).random((10, 10)) < 0.5
    op = one(masked(allowed), "attention")
    assert (op.macs, len(op.inputs)) == (DENSE, 4)


def test_a_mask_that_differs_between_heads_stays_an_operand() -> None:
    heads = np.stack([band(-3, 2), band(-2, 2), band(-3, 2)])
    op = one(masked(heads), "attention")
    assert (op.macs, len(op.inputs)) == (DENSE, 4)
    alike = one(masked(np.stack([band(-3, 2)] * 3)), "window_attention")
    assert alike.attrs["bands"] == [[-3, 2, 1]]


def test_relative_positions_stay_a_bias_beside_the_pattern_of_a_mask() -> None:
    steps = [node("Add", "s bias", "a"), node("Add", "a mask", "m")]
    mask = np.where(band(-2, 2), 0, LEAST).astype(np.float32)
    trace = traced(chain(*steps, scores="m"), QKV | {"bias": (1, 3, 10, 10)}, constants={"mask": mask})
    op = one(trace, "window_attention")
    assert op.attrs["operands"] == ["bias"]
    assert op.operand("bias") == op.inputs[3]


def test_beside_a_window_a_mask_of_booleans_that_is_an_input_becomes_a_bias() -> None:
    """A window attention takes no mask, but a summand."""
    steps = [node("Where", "padding s low", "a"), node("Add", "a mask", "m")]
    constants = {"mask": np.where(band(-2, 2), 0, LEAST).astype(np.float32), "low": np.float32(LEAST)}
    trace = traced(chain(*steps, scores="m"), QKV | {"padding": ("bool", (2, 1, 1, 10))}, constants=constants)
    op = one(trace, "window_attention")
    assert (kinds(trace), op.attrs["operands"]) == (["eltwise", "window_attention"], ["bias"])
    assert trace.ops[0].attrs["function"] == "where"
    assert op.macs == 6 * 16 * int(band(-2, 2).sum())


def test_a_mask_that_is_an_input_is_an_operand() -> None:
    nodes = chain(node("Where", "mask s low", "m"), scores="m")
    trace = traced(nodes, QKV | {"mask": ("bool", (2, 1, 1, 10))}, constants={"low": np.float32(LEAST)})
    assert len(one(trace, "attention").inputs) == 4


def test_a_mask_is_computed_where_it_follows_from_positions() -> None:
    """As exporters write it: range, difference, comparison, choice."""
    mask = [
        node("Range", "zero n one", "r"), node("Unsqueeze", "r one_axis", "c"), node("Sub", "r c", "d"),
        node("LessOrEqual", "d zero", "past"), node("Greater", "d far", "near"),
        node("And", "past near", "ok"),
        node("Where", "ok z low", "mask"), node("Add", "s mask", "m"),
    ]  # fmt: skip
    numbers = {
        "zero": np.array(0),
        "one": np.array(1),
        "n": np.array(10),
        "far": np.array(-4),
        "one_axis": ints(1),
    }
    constants = {**numbers, "z": np.float32(0), "low": np.float32(LEAST)}
    op = one(traced(chain(*mask, scores="m"), QKV, constants=constants), "window_attention")
    assert op.pattern == Pattern.causal_window(10, 4)


@settings(max_examples=60)
@given(
    low=st.integers(-12, 9), width=st.integers(0, 12), step=st.integers(1, 3), queries=st.integers(1, 10),
    tokens=st.sets(st.integers(0, 9), max_size=2), added=st.booleans(),
)  # fmt: skip
def test_macs_are_those_of_the_pairs_that_a_mask_allows(low, width, step, queries, tokens, added) -> None:
    """A band of any step, with tokens that see and are seen by all; the last queries of ten."""
    allowed = band(low, low + width, step=step)
    for token in tokens:
        allowed[token], allowed[:, token] = True, True
    allowed = allowed[10 - queries :]
    mask = np.where(allowed, 0, LEAST).astype(np.float32) if added else allowed
    (op,) = masked(mask, q_len=queries).ops
    if op.kind == "window_attention":
        assert op.macs == 6 * 16 * int(allowed.sum())
    else:
        assert op.macs == 6 * 16 * 10 * queries
        assert len(op.inputs) == 4 or allowed.all() or (allowed == np.tril(np.ones((10, 10), bool))).all()


def test_a_window_stays_beside_a_constant_mask_without_a_pattern() -> None:
    steps = [node("Where", "scattered s low", "a"), node("Add", "a mask", "m")]
    constants = {"mask": np.where(band(-2, 2), 0, LEAST).astype(np.float32), "low": np.float32(LEAST)}
    trace = traced(chain(*steps, scores="m"), QKV, constants=constants | {"scattered": SCATTERED})
    assert one(trace, "window_attention").macs == 6 * 16 * int(band(-2, 2).sum())
    assert one(trace, "window_attention").attrs["operands"] == ["bias"]
    assert trace.source.configuration["not_modeled"] == [NO_PATTERN]


@pytest.mark.parametrize("shape", [(1, 1, 10, 10), (1, 10, 10), (1, 1, 1, 10)])
@pytest.mark.parametrize("known", [True, False])
def test_a_mask_of_more_axes_than_the_scores_adds_axes_to_the_result(
    shape: tuple[int, ...], known: bool
) -> None:
    nodes = [node("Transpose", "k", "kt", perm=[1, 0]), *chain(node("Add", "s mask", "m"), scores="m")[1:]]
    sides = dict.fromkeys("qkv", (10, 8))
    mask = {"mask": np.zeros(shape, np.float32)}
    trace = traced(nodes, sides if known else sides | {"mask": shape}, constants=mask if known else {})
    assert shapes(trace) == [(*shape[:-2], 10, 8)]
    assert trace.macs == 2 * 8 * 100


def test_an_old_softmax_without_an_axis_is_along_all_but_the_first() -> None:
    nodes = [*chain()[:2], node("Softmax", "s", "p"), node("MatMul", "p v")]
    assert kinds(traced(nodes, QKV, opset=11)) == ["gemm", "softmax", "gemm"]
    assert kinds(traced(nodes, QKV, opset=13)) == ["attention"]


def test_a_mask_that_is_too_large_to_be_read_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants_module, "LARGEST", 99)
    nodes = [node("Neg", "minus", "mask"), *chain(node("Add", "s mask", "m"), scores="m")]
    minus = np.where(band(-2, 2), 0, 1e9).astype(np.float32)
    trace = traced(nodes, QKV, constants={"minus": minus})
    assert one(trace, "attention").attrs["operands"] == ["bias"]
    assert trace.source.configuration["not_modeled"] == [TOO_LARGE]


# -- queries that see nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [-1e9, LEAST, -np.inf, True])
@pytest.mark.parametrize(
    "allowed",
    [
        band(-3, -1),
        band(1, 1),
        band(-9, 0) & (np.arange(10) > 0),
        band(-2, 2) & (np.arange(10) != 4)[:, None],
    ],
)
def test_a_mask_under_which_a_query_sees_nothing_stays_an_operand(allowed: np.ndarray, low: object) -> None:
    """A softmax over keys that a number denies is not zero: all of them are alike."""
    mask = allowed if low is True else np.where(allowed, 0, low).astype(np.float32)
    op = one(masked(mask), "attention")
    assert (op.macs, len(op.inputs)) == (DENSE, 4)
    assert op.operand("mask" if low is True else "bias") is not None and "causal" not in op.attrs


def test_masks_under_which_a_query_sees_nothing_together_stay_operands() -> None:
    constants = {"past": band(-9, -1) | np.eye(10, dtype=bool), "ahead": band(1, 9), "low": np.float32(LEAST)}
    steps = [node("Where", "past s low", "a"), node("Where", "ahead a low", "m")]
    trace = traced(chain(*steps, scores="m"), QKV, constants=constants)
    assert kinds(trace) == ["eltwise", "attention"]
    assert one(trace, "attention").operand("mask") is not None


# -- one tensor in several places ---------------------------------------------------------------------------


def test_queries_keys_and_values_may_be_one_tensor() -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "s")]
    nodes += [node("Softmax", "s", "p"), node("MatMul", "p x")]
    trace = traced(nodes, {"x": (5, 10, 8)})
    assert (kinds(trace), trace.macs) == (["attention"], 2 * 5 * 8 * 100)


@pytest.mark.parametrize(
    "nodes, side, macs",
    [
        ([node("MatMul", "x x")], (2, 6, 6), 2 * 6**3),
        ([node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t")], (2, 6, 4), 2 * 6 * 6 * 4),
        ([node("Gemm", "x x", transB=1)], (6, 4), 6 * 6 * 4),
        ([node("Einsum", "x x", equation="bij,bkj->bik")], (2, 6, 4), 2 * 6 * 6 * 4),
        # The probabilities times themselves are no attention.
        ([*chain()[:-1], node("MatMul", "p p")], (2, 3, 8, 8), 2 * 6 * 8**3),
    ],
)
def test_both_sides_of_a_product_may_be_one_tensor(
    nodes: list[NodeProto], side: tuple[int, ...], macs: int
) -> None:
    trace = traced(nodes, dict.fromkeys("xqkv" if len(nodes) > 2 else "x", side))
    assert trace.macs == macs
    assert {"gemm"} <= set(kinds(trace)) <= {"gemm", "softmax"}

"""Grouped heads, sizes of values, scales, and named operands of attention and of window attention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import KINDS, macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Tensor
from tandemsim.traces.shapes import check_shapes

HEADS = {"batch": 2, "heads": 6, "kv_heads": 3, "head_dim": 4, "v_dim": 5}
DENSE = HEADS | {"q_len": 7, "kv_len": 9}
Q, K, V, OUT = (2, 6, 7, 4), (2, 3, 9, 4), (2, 3, 9, 5), (2, 6, 7, 5)
PATTERN = Pattern.causal_window(9, 4, sinks=1, q_len=7, q_offset=2)
WINDOW = HEADS | PATTERN.dims()


def op_of(kind, dims, inputs, output, attrs):
    shapes = [*inputs, output]
    tensors = [
        Tensor(id=10 + i, shape=shape, dtype="float32", role="input") for i, shape in enumerate(shapes)
    ]
    ids = tuple(tensor.id for tensor in tensors)
    stated = {"dims": dims, "attrs": attrs, "macs": macs(kind, dims, attrs)}
    return (
        Op(id=0, kind=kind, name="a", inputs=ids[:-1], outputs=ids[-1:], **stated),
        tensors[:-1],
        tensors[-1:],
    )


@pytest.fixture(params=["attention", "window_attention"])
def stated(request):
    """Kind, dims, and the attrs that it needs."""
    if request.param == "attention":
        return request.param, DENSE, {}
    return request.param, WINDOW, PATTERN.attrs()


@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.data()
)
def test_scores_and_sums_of_grouped_heads_are_counted(groups, shared, head_dim, q_len, kv_len, data):
    """Each head computes its own scores and sums, whoever it shares keys and values with."""
    v_dim = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(0)
    q, k = rng.random((groups * shared, q_len, head_dim)), rng.random((groups, kv_len, head_dim))
    v = rng.random((groups, kv_len, v_dim))
    products = 0
    for head in range(groups * shared):
        scores = np.zeros((q_len, kv_len))
        out = np.zeros((q_len, v_dim))
        for i, j in np.ndindex(q_len, kv_len):
            for c in range(head_dim):
                scores[i, j] += q[head, i, c] * k[head // shared, j, c]
                products += 1
            for c in range(v_dim):
                out[i, c] += scores[i, j] * v[head // shared, j, c]
                products += 1
        assert np.allclose(out, q[head] @ k[head // shared].T @ v[head // shared])
    dims = {"heads": groups * shared, "kv_heads": groups, "head_dim": head_dim, "v_dim": v_dim}
    assert macs("attention", dims | {"q_len": q_len, "kv_len": kv_len}, {}) == products
    full = Pattern(seq_len=kv_len, bands=((-99, 99, 1),), q_len=q_len)
    assert macs("window_attention", dims | full.dims(), full.attrs()) == products


def test_only_pairs_of_the_pattern_are_counted():
    pairs = int(PATTERN.mask(range(7)).sum())
    assert macs("window_attention", WINDOW, PATTERN.attrs()) == 2 * 6 * (4 + 5) * pairs


def test_masked_and_causal_attention_counts_every_pair():
    attrs = {"causal": True, "operands": ["mask"], "scale": 0.5, "softcap": 30.0}
    assert macs("attention", DENSE, attrs) == macs("attention", DENSE, {}) == 2 * 6 * (4 + 5) * 7 * 9


def test_left_out_sizes_are_those_of_the_heads():
    for kind, more in (("attention", {"q_len": 7, "kv_len": 9}), ("window_attention", {"seq_len": 9})):
        dims = {"heads": 6, "head_dim": 4} | more
        assert [KINDS[kind].dim(dims, name) for name in ("kv_heads", "v_dim", "batch")] == [6, 4, 1]
    assert KINDS["window_attention"].dim({"seq_len": 9}, "q_len") == 9
    assert KINDS["window_attention"].dim({"grid": (3, 3)}, "q_len") == 9


def test_shapes_of_grouped_heads_are_taken(stated):
    kind, dims, attrs = stated
    check_shapes(*op_of(kind, dims, [Q, K, V], OUT, attrs))


@pytest.mark.parametrize(
    "place, shape, message",
    [
        (0, (2, 6, 9, 4), r"inputs[0] (tensor 10) must have shape [2, 6, 7, 4], not [2, 6, 9, 4]"),
        (1, (2, 6, 9, 4), r"inputs[1] (tensor 11) must have shape [2, 3, 9, 4], not [2, 6, 9, 4]"),
        (2, (2, 3, 9, 4), r"inputs[2] (tensor 12) must have shape [2, 3, 9, 5], not [2, 3, 9, 4]"),
        (3, (2, 6, 7, 4), r"outputs[0] (tensor 13) must have shape [2, 6, 7, 5], not [2, 6, 7, 4]"),
    ],
)
def test_shapes_of_other_heads_are_named(stated, place, shape, message):
    kind, dims, attrs = stated
    shapes = [Q, K, V, OUT]
    shapes[place] = shape
    with pytest.raises(TraceError) as caught:
        check_shapes(*op_of(kind, dims, shapes[:3], shapes[3], attrs))
    assert str(caught.value) == message


class TestOperands:
    def test_they_stand_in_the_order_in_which_they_are_named(self, stated):
        kind, dims, attrs = stated
        op, inputs, outputs = op_of(
            kind, dims, [Q, K, V, (6,), (7, 9)], OUT, attrs | {"operands": ["sinks", "bias"]}
        )
        check_shapes(op, inputs, outputs)
        assert (op.operand("sinks"), op.operand("bias"), op.operand("mask")) == (13, 14, None)

    def test_without_names_they_are_masks(self):
        op, inputs, outputs = op_of("attention", DENSE, [Q, K, V, (1,)], OUT, {})
        check_shapes(op, inputs, outputs)
        assert (op.operand("mask"), op.operand("bias"), op.operand("sinks")) == (13, None, None)
        op, *_ = op_of("attention", DENSE, [Q, K, V], OUT, {})
        assert op.operand("mask") is None

    def test_six_inputs_of_a_window_attention_have_no_names(self):
        pattern = Pattern.longformer(9, 2)
        shapes = [(1, 1, 9, 4)] * 3 + [(1, 1, 1, 4)] + [(1, 1, 9, 4)] * 2
        op, *_ = op_of(
            "window_attention",
            {"heads": 1, "head_dim": 4, "seq_len": 9},
            shapes,
            (1, 1, 9, 4),
            pattern.attrs(),
        )
        assert op.operand("mask") is op.operand("bias") is op.operand("sinks") is None

    def test_another_kind_has_none(self):
        op, *_ = op_of("eltwise", {"elements": 4}, [(4,)] * 5, (4,), {"operands": ["bias"]})
        assert op.operand("bias") is None

    @pytest.mark.parametrize("shape", [(7, 9), (1, 1, 7, 9), (2, 6, 7, 9), (9,), (2, 1, 1, 9), (1,), ()])
    def test_a_bias_is_what_broadcasts_to_the_scores(self, stated, shape):
        kind, dims, attrs = stated
        assert np.broadcast_shapes(shape, (2, 6, 7, 9)) == (2, 6, 7, 9)
        check_shapes(*op_of(kind, dims, [Q, K, V, shape], OUT, attrs | {"operands": ["bias"]}))

    @pytest.mark.parametrize("shape", [(7, 1, 9), (9, 7), (3, 6, 7, 9), (1, 2, 6, 7, 9), (8,)])
    def test_a_bias_that_does_not_broadcast_is_named(self, stated, shape):
        kind, dims, attrs = stated
        wanted = f"inputs[3] (tensor 13) must broadcast to shape [2, 6, 7, 9], not {list(shape)}"
        with pytest.raises(TraceError) as caught:
            check_shapes(*op_of(kind, dims, [Q, K, V, shape], OUT, attrs | {"operands": ["bias"]}))
        assert str(caught.value) == wanted

    def test_sinks_are_one_logit_a_head(self, stated):
        kind, dims, attrs = stated
        for shape in ((6,), (1, 6, 1, 1)):
            check_shapes(*op_of(kind, dims, [Q, K, V, shape], OUT, attrs | {"operands": ["sinks"]}))
        with pytest.raises(TraceError, match=r"^inputs\[3\] \(tensor 13\) must hold 6 elements, not \[3\]$"):
            check_shapes(*op_of(kind, dims, [Q, K, V, (3,)], OUT, attrs | {"operands": ["sinks"]}))

    @pytest.mark.parametrize("operands, inputs", [(["sinks"], 3), ([], 4), (["sinks", "bias"], 4)])
    def test_there_are_as_many_as_are_named(self, stated, operands, inputs):
        kind, dims, attrs = stated
        shapes = [Q, K, V, (6,)][:inputs]
        with pytest.raises(TraceError, match=f"^inputs must be {3 + len(operands)} tensors, not {inputs}$"):
            check_shapes(*op_of(kind, dims, shapes, OUT, attrs | {"operands": operands}))


GROWN = [
    ({"kv_heads": 1}, {}, Pattern.longformer(9, 2)),
    ({"v_dim": 4}, {}, Pattern.longformer(9, 2)),
    ({}, {"scale": 0.5}, Pattern.longformer(9, 2)),
    ({}, {"softcap": 50}, Pattern.longformer(9, 2)),
    ({}, {"operands": []}, Pattern.longformer(9, 2)),
    ({}, {}, Pattern(seq_len=9, bands=((-2, 0, 1),), global_tokens=(0,), causal=True)),
    ({}, {}, Pattern(seq_len=9, bands=((-2, 0, 1),), global_tokens=(0,), sink_tokens=(1,))),
    ({}, {}, Pattern(seq_len=9, bands=((-2, 0, 1),), global_tokens=(0,), chunks=(3,))),
]


@pytest.mark.parametrize("dims, attrs, pattern", GROWN)
def test_own_projections_of_global_tokens_come_without_the_new_fields(dims, attrs, pattern):
    heads = {"heads": 1, "head_dim": 4} | pattern.dims() | dims
    long, short = (1, 1, 9, 4), (1, 1, 1, 4)
    shapes = [long] * 3 + [short, long, long]
    with pytest.raises(TraceError, match="^inputs must be 3 tensors, not 6$"):
        check_shapes(*op_of("window_attention", heads, shapes, long, pattern.attrs() | attrs))
    check_shapes(*op_of("window_attention", heads, shapes[:3], long, pattern.attrs() | attrs))


@pytest.mark.parametrize(
    "dims, attrs, message",
    [
        ({"kv_heads": 4}, {}, "dims.kv_heads must divide the 6 heads, not 4"),
        ({"kv_heads": 0}, {}, "dims.kv_heads must be a positive integer below 2**31, not 0"),
        ({"v_dim": 0}, {}, "dims.v_dim must be a positive integer below 2**31, not 0"),
        ({}, {"scale": 0}, "attrs.scale must be a positive number, not 0"),
        ({}, {"scale": True}, "attrs.scale must be a positive number, not True"),
        ({}, {"softcap": -1.5}, "attrs.softcap must be a positive number, not -1.5"),
        ({}, {"softcap": "50"}, "attrs.softcap must be a positive number, not '50'"),
    ],
)
def test_wrong_sizes_and_numbers_are_named(stated, dims, attrs, message):
    kind, good, own = stated
    with pytest.raises(TraceError) as caught:
        macs(kind, good | dims, own | attrs)
    assert str(caught.value) == message


@pytest.mark.parametrize("operands", ["bias", ["sinks", "sinks"], ["alibi"], [["bias"]], {"bias": 1}])
def test_wrong_operands_are_named(stated, operands):
    kind, dims, attrs = stated
    names = "mask, bias, sinks" if kind == "attention" else "bias, sinks"
    with pytest.raises(TraceError) as caught:
        macs(kind, dims, attrs | {"operands": operands})
    assert (
        str(caught.value) == f"attrs.operands must be a list of {names}, each at most once, not {operands!r}"
    )


def test_a_window_attention_has_no_mask():
    with pytest.raises(
        TraceError, match=r"^attrs\.operands must be a list of bias, sinks, each at most once"
    ):
        macs("window_attention", WINDOW, PATTERN.attrs() | {"operands": ["mask"]})

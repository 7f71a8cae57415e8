"""MACs against loops that count them, and the dims that each kind asks for."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.codec import find, load
from tandemsim.traces.convolution import conv_output
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import KINDS, macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

small_dim = st.integers(1, 6)


def taps_inside(size, kernel, stride, dilation, before, after):
    """Positions at which a kernel lies wholly within the padded image, one at a time."""
    padded = size + before + after
    return [at for at in range(0, padded, stride) if at + dilation * (kernel - 1) < padded]


@given(st.data())
def test_convolution_counts_each_tap_of_each_output(data):
    names = ("height", "width", "kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    dims = {name: data.draw(small_dim, name) for name in names}
    dims |= {
        name: data.draw(st.integers(0, 3), name)
        for name in ("pad_top", "pad_bottom", "pad_left", "pad_right")
    }
    groups = data.draw(st.integers(1, 3), "groups")
    dims |= {"batch": data.draw(small_dim, "batch"), "groups": groups}
    dims |= {"in_channels": 2 * groups, "out_channels": 3 * groups}
    rows = taps_inside(
        *(dims[n] for n in ("height", "kernel_h", "stride_h", "dilation_h", "pad_top", "pad_bottom"))
    )
    cols = taps_inside(
        *(dims[n] for n in ("width", "kernel_w", "stride_w", "dilation_w", "pad_left", "pad_right"))
    )
    if not (rows and cols):
        with pytest.raises(TraceError, match=r"dims.kernel_[hw] must span at most the padded"):
            macs("conv2d", dims, {})
        return
    assert conv_output(dims) == (len(rows), len(cols))
    each_output = 2 * dims["kernel_h"] * dims["kernel_w"]  # two input channels a group
    assert macs("conv2d", dims, {}) == dims["batch"] * 3 * groups * len(rows) * len(cols) * each_output


def test_first_layer_of_vgg16_has_its_published_macs():
    # Simonyan and Zisserman 2015: 3 x 3, 3 to 64 channels, 224 x 224, padded by 1
    dims = {"batch": 1, "in_channels": 3, "out_channels": 64, "height": 224, "width": 224}
    dims |= {"kernel_h": 3, "kernel_w": 3, "pad_top": 1, "pad_bottom": 1, "pad_left": 1, "pad_right": 1}
    assert macs("conv2d", dims, {}) == 86_704_128


@given(small_dim, small_dim, small_dim, small_dim)
def test_gemm_counts_each_product(batch, m, n, k):
    products = len(list(product(range(batch), range(m), range(n), range(k))))
    assert macs("gemm", {"batch": batch, "m": m, "n": n, "k": k}, {}) == products


def test_attention_counts_scores_and_sums():
    assert (
        macs("attention", {"heads": 12, "head_dim": 64, "q_len": 7, "kv_len": 9}, {}) == 2 * 12 * 64 * 7 * 9
    )


def test_window_attention_counts_the_pairs_of_its_mask():
    pattern = Pattern.longformer(50, 8, (3, 20))
    pairs = int(pattern.mask(range(50)).sum())
    dims = {"batch": 2, "heads": 3, "head_dim": 5, "seq_len": 50}
    assert macs("window_attention", dims, pattern.attrs()) == 2 * 2 * 3 * 5 * pairs


def test_longformer_has_the_macs_of_its_pairs():
    pattern = Pattern.longformer(4096, 512)
    dims = {"heads": 12, "head_dim": 64, "seq_len": 4096}
    assert macs("window_attention", dims, pattern.attrs()) == 2 * 12 * 64 * 2_043_134


@pytest.mark.parametrize("kind", [kind for kind, facts in KINDS.items() if facts.required == ("elements",)])
def test_kind_without_products_has_no_macs(kind):
    assert macs(kind, {"elements": 10, "reduced": 5}, {}) == 0


def test_full_window_has_the_macs_of_dense_attention():
    dims = {"batch": 3, "heads": 2, "head_dim": 4}
    window = macs("window_attention", dims | {"seq_len": 30}, Pattern.dense(30).attrs())
    assert window == macs("attention", dims | {"q_len": 30, "kv_len": 30}, {})


def test_left_out_dim_has_its_default():
    assert KINDS["conv2d"].dim({}, "stride_h") == 1
    assert KINDS["conv2d"].dim({}, "pad_top") == 0
    assert KINDS["window_attention"].dim({"grid": (3, 4)}, "seq_len") == 12


@pytest.mark.parametrize(
    "kind, dims, message",
    [
        ("gem", {}, "kind 'gem' is unknown; did you mean 'gemm'?"),
        ("gemm", {"m": 1, "n": 2}, "dims.k is missing"),
        ("gemm", {"m": 1, "n": 2, "k": 0}, "dims.k must be a positive integer below 2**31, not 0"),
        ("gemm", {"m": -1, "n": 2, "k": 3}, "dims.m must be a positive integer below 2**31, not -1"),
        (
            "gemm",
            {"m": 2**31, "n": 2, "k": 3},
            "dims.m must be a positive integer below 2**31, not 2147483648",
        ),
        ("gemm", {"m": (1, 2), "n": 2, "k": 3}, "dims.m must be an integer"),
        (
            "gemm",
            {"m": 1, "n": 2, "k": 3, "batches": 2},
            "dims.batches is not a dimension of gemm; did you mean 'batch'?",
        ),
        (
            "gemm",
            {"m": 2**30, "n": 2**30, "k": 8},
            "dims must stay below 2**63 multiply-accumulates, not 9223372036854775808",
        ),
        (
            "softmax",
            {"elements": 4, "grid": (2, 2)},
            "dims.grid is not a dimension of softmax; known: elements, reduced",
        ),
        ("attention", {"heads": 1, "head_dim": 1, "q_len": 1}, "dims.kv_len is missing"),
    ],
)
def test_wrong_dims_are_named(kind, dims, message):
    with pytest.raises(TraceError) as caught:
        macs(kind, dims, {})
    assert str(caught.value) == message


def test_channels_must_divide_into_groups():
    dims = {
        "batch": 1,
        "in_channels": 4,
        "out_channels": 6,
        "height": 5,
        "width": 5,
        "kernel_h": 1,
        "kernel_w": 1,
    }
    with pytest.raises(TraceError, match=r"^dims.in_channels must be a multiple of the 3 groups, not 4$"):
        macs("conv2d", dims | {"groups": 3}, {})


@pytest.mark.parametrize(
    "kind, inputs, has",
    [("window_attention", 6, True), ("window_attention", 3, False), ("eltwise", 6, False)],
)
def test_six_inputs_of_a_window_attention_are_separate_global_projections(kind, inputs, has):
    op = Op(id=0, kind=kind, name="a", inputs=tuple(range(inputs)), outputs=(9,), dims={}, macs=0)
    assert op.has_global_projections == has


def test_projections_of_global_tokens_are_not_masks() -> None:
    ops = [op for op in load(find("longformer")).ops if op.kind == "window_attention"]
    assert {len(op.inputs) for op in ops} == {6}
    assert {op.operand(name) for op in ops for name in ("mask", "bias", "sinks")} == {None}

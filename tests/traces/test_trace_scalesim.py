"""SCALE-Sim topologies, its own and small ones.

tests/traces/data holds Resnet18.csv and Resnet50.csv of https://github.com/scalesim-project/SCALE-Sim (MIT),
commit 1d62b68, unchanged.
"""

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.codec import dumps, loads
from traces.errors import TraceError
from traces.pattern import Pattern
from traces.scalesim import CONV_HEADER, from_csv, to_csv

DATA = Path(__file__).parent / "data"
CONV = ", ".join(CONV_HEADER) + ",\n"


def rows_of(text):
    """The layers of a topology: name and numbers."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()[1:])]
    return [(row[0], *map(int, row[1:8])) for row in rows if any(row)]


def outputs(size, kernel, stride):
    """SCALE-Sim, topology_utils.py: ceil((ifmap - filter + stride) / stride)."""
    return math.ceil((size - kernel + stride) / stride)


@pytest.mark.parametrize("name", ["Resnet18", "Resnet50"])
def test_topology_becomes_a_trace_with_scale_sims_macs(name):
    text = (DATA / f"{name}.csv").read_text()
    trace = from_csv(text, name)
    wanted = [
        (layer, outputs(h, r, stride) * outputs(w, s, stride) * r * s * channels * filters)
        for layer, h, w, r, s, channels, filters, stride in rows_of(text)
    ]
    assert [(op.name, op.macs) for op in trace.ops] == wanted
    assert {op.kind for op in trace.ops} == {"conv2d"} and len(wanted) in (21, 54)
    assert loads(dumps(trace)) == trace


def test_first_layer_of_resnet_is_padded_to_scale_sims_output():
    trace = from_csv((DATA / "Resnet18.csv").read_text(), "Resnet18")
    op = trace.ops[0]
    assert (op.dims["pad_bottom"], op.dims["pad_right"]) == (1, 1)
    assert trace.tensor_map()[op.outputs[0]].shape == (
        1,
        64,
        110,
        110,
    )  # as the file of ResNet-50 says: Eh, Ew


@pytest.mark.parametrize("name", ["Resnet18", "Resnet50"])
def test_topology_survives_the_way_there_and_back(name):
    text = (DATA / f"{name}.csv").read_text()
    back, left_out = to_csv(from_csv(text, name))
    assert rows_of(back) == rows_of(text) and left_out == []


sizes = st.integers(1, 12)


@given(
    st.lists(st.tuples(sizes, sizes, sizes, sizes, sizes, sizes, st.integers(1, 5)), min_size=1, max_size=4)
)
def test_any_convolution_has_scale_sims_output(layers):
    text = CONV + "".join(f"l{i},{','.join(map(str, layer))},\n" for i, layer in enumerate(layers))
    if any(outputs(h, r, t) < 1 or outputs(w, s, t) < 1 for h, w, r, s, _, _, t in layers):
        with pytest.raises(TraceError, match=r"^row \d: Filter (Height|Width) must be below"):
            from_csv(text, "x")
        return
    trace = from_csv(text, "x")
    shapes = [trace.tensor_map()[op.outputs[0]].shape for op in trace.ops]
    assert shapes == [(1, f, outputs(h, r, t), outputs(w, s, t)) for h, w, r, s, _, f, t in layers]
    again = from_csv(to_csv(trace)[0], "x")
    assert [op.macs for op in again.ops] == [op.macs for op in trace.ops]


def test_gemm_layers_keep_names_and_sizes():
    trace = from_csv("Layer,M,N,K,\nquery,384,768,64,\n\n,,,,\n key ,1,2,3,\n", "bert")
    assert [(op.name, op.kind, op.dims) for op in trace.ops] == [
        ("query", "gemm", {"m": 384, "n": 768, "k": 64}),
        ("key", "gemm", {"m": 1, "n": 2, "k": 3}),
    ]
    assert (
        trace.source.model == "bert" and to_csv(trace)[0] == "Layer,M,N,K,\nquery,384,768,64,\nkey,1,2,3,\n"
    )


def test_columns_of_a_gemm_are_found_by_name():
    assert from_csv("Layer,K,sparsity,M,N\nx,3,9,1,2", "x").ops[0].dims == {"m": 1, "n": 2, "k": 3}


def test_columns_behind_the_last_are_ignored():
    assert from_csv(CONV.strip() + "Sparsity,\nx,4,4,2,2,1,1,1,2:4,note\n", "x").ops[0].macs == 3 * 3 * 4


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "must hold a header and layers, and is empty"),
        (" ,\n\n", "must hold a header and layers, and is empty"),
        ("Layer,M,N,K,\n", "must hold layers, and has a header only"),
        ("Layer,M,N,K\nx,1,2\n", "row 2: K must be a positive integer below 2**31, not ''"),
        ("Layer,M,N,K\n\nx,1,0,3\n", "row 3: N must be a positive integer below 2**31, not '0'"),
        ("Layer,M,N,K\nx,-1,2,3\n", "row 2: M must be a positive integer below 2**31, not '-1'"),
        ("Layer,M,N,K\nx,1.5,2,3\n", "row 2: M must be a positive integer below 2**31, not '1.5'"),
        ("Layer,M,N,K\nx,²,2,3\n", "row 2: M must be a positive integer below 2**31, not '²'"),
        (
            "Layer,M,N,K\nx,9999999999,2,3\n",
            "row 2: dims.m must be a positive integer below 2**31, not 9999999999",
        ),
        (
            CONV + "x,3,3,5,2,1,1,1\n",
            "row 2: Filter Height must be below the image's 3 + the stride's 1, not 5",
        ),
        ("name,rows,cols\nx,1,2\n", "header must be 'Layer, M, N, K' or 'Layer name, IFMAP Height, "),
        (
            "IFMAP Height, IFMAP Width\n1,2\n",
            "header must be 'Layer, M, N, K' or 'Layer name, IFMAP Height, ",
        ),
    ],
)
def test_wrong_topology_is_refused(text, message):
    with pytest.raises(TraceError) as caught:
        from_csv(text, "x")
    assert str(caught.value).startswith(message)


def conv(builder, **more):
    dims = {"batch": 1, "in_channels": 4, "out_channels": 6, "height": 8, "width": 8}
    dims |= {"kernel_h": 3, "kernel_w": 3, **more}
    groups = dims.get("groups", 1)
    image = builder.tensor((dims["batch"], 4, 8, 8), "input")
    weight = builder.tensor((6, 4 // groups, 3, 3), "weight")
    out = [
        (8 + 2 * dims.get(f"pad_{p}", 0) - 2 * dims.get(f"dilation_{a}", 1) - 1) // dims.get(f"stride_{a}", 1)
        + 1
        for a, p in (("h", "top"), ("w", "left"))
    ]
    builder.op("conv2d", [image, weight], (dims["batch"], 6, *out), dims)


def test_padding_is_written_into_the_image(builder):
    conv(builder, pad_top=1, pad_bottom=1, pad_left=1, pad_right=1)
    trace = builder.seal()
    assert rows_of(to_csv(trace)[0]) == [("layer.0", 10, 10, 3, 3, 4, 6, 1)]


def test_gemm_beside_convolutions_becomes_one(builder):
    conv(builder)
    a, b = builder.tensor((5, 7), "input"), builder.tensor((7, 9), "weight")
    builder.op("gemm", [a, b], (5, 9), {"m": 5, "n": 9, "k": 7})
    trace = builder.seal()
    text, _ = to_csv(trace)
    assert rows_of(text)[1] == ("layer.1", 5, 1, 1, 1, 7, 9, 1)
    assert [op.macs for op in from_csv(text, "x").ops] == [op.macs for op in trace.ops]


def test_batch_becomes_rows_unless_the_weight_is_shared(builder):
    a, shared = builder.tensor((2, 5, 7), "input"), builder.tensor((7, 9), "weight")
    own = builder.tensor((2, 7, 9), "weight")
    dims = {"batch": 2, "m": 5, "n": 9, "k": 7}
    builder.op("gemm", [a, shared], (2, 5, 9), dims)
    builder.op("gemm", [a, own], (2, 5, 9), dims)
    text, _ = to_csv(builder.seal())
    assert text.splitlines()[1:] == ["layer.0,10,9,7,", "layer.1[0],5,9,7,", "layer.1[1],5,9,7,"]


def test_batch_of_images_becomes_rows(builder):
    conv(builder, batch=2)
    assert [row[0] for row in rows_of(to_csv(builder.seal())[0])] == ["layer.0[0]", "layer.0[1]"]


def test_what_scale_sim_cannot_express_is_said_so(builder):
    conv(builder, groups=2)
    conv(builder, dilation_h=2, dilation_w=2)
    conv(builder, stride_h=2)
    q = builder.tensor((1, 1, 9, 4), "input")
    dims = {"heads": 1, "head_dim": 4, "seq_len": 9}
    builder.op("window_attention", [q, q, q], (1, 1, 9, 4), dims, Pattern.sliding(9, 3).attrs())
    text, left_out = to_csv(builder.seal())
    assert text == "Layer,M,N,K,\n"
    assert left_out == [
        "op 0 'layer.0' (conv2d): SCALE-Sim knows no groups",
        "op 1 'layer.1' (conv2d): SCALE-Sim knows no dilation",
        "op 2 'layer.2' (conv2d): SCALE-Sim knows one stride for both sides",
        "op 3 'layer.3' (window_attention): SCALE-Sim knows gemm and conv2d alone",
    ]

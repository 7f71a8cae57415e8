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

from tandemsim.traces.codec import dumps, loads
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.scalesim import MAX_LAYERS, to_csv
from tandemsim.traces.scalesim import from_csv as read_csv
from tandemsim.traces.topology_columns import CONV_HEADER

DATA = Path(__file__).parent / "data"
CONV = ", ".join(CONV_HEADER) + ",\n"


def from_csv(text, model):
    """The trace of a topology of which nothing is left out."""
    trace, said = read_csv(text, model)
    assert said == [] or "Eh" in text  # the file of ResNet-50 has columns of results
    return trace


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
    # as the file of ResNet-50 says: Eh, Ew
    assert trace.tensor_map()[op.outputs[0]].shape == (1, 64, 110, 110)


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
    if any(r > h or s > w for h, w, r, s, *_ in layers):
        with pytest.raises(TraceError, match=r"^row \d: Filter (Height|Width) must be at most the image's"):
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
        ("query", "gemm", {"batch": 1, "m": 384, "n": 768, "k": 64}),
        ("key", "gemm", {"batch": 1, "m": 1, "n": 2, "k": 3}),
    ]
    assert (
        trace.source.model == "bert" and to_csv(trace)[0] == "Layer,M,N,K,\nquery,384,768,64,\nkey,1,2,3,\n"
    )


def test_columns_of_a_gemm_are_found_by_name():
    trace, said = read_csv("Layer,K,sparsity,M,N\nx,3,9,1,2", "x")
    assert trace.ops[0].dims == {"batch": 1, "m": 1, "n": 2, "k": 3} and said == ["ignored columns: sparsity"]


def convs(*rows, header=CONV):
    """The ops of convolutions."""
    trace, said = read_csv(header.rstrip("\n") + "\n" + "".join(f"{row}\n" for row in rows), "x")
    return [(op.dims, op.macs) for op in trace.ops], said


NAMES = "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,"


@pytest.mark.parametrize(
    "header, row, rows, cols",
    [
        (NAMES + "Stride height,Stride width,", "a,224,161,5,5,1,32,2,1,", (224, 5, 2), (161, 5, 1)),
        (NAMES + "Stride Width,Stride Height,", "a,16,16,3,3,2,2,1,2,", (16, 3, 2), (16, 3, 1)),
        (NAMES + "Stride H,Stride W", "a,16,16,3,3,2,2,3,2", (16, 3, 3), (16, 3, 2)),
        (NAMES + "Strides,Strides,", "a,16,16,3,3,2,2,3,2,", (16, 3, 3), (16, 3, 2)),
        (NAMES + "Strides,", "a,16,16,3,3,2,2,3,", (16, 3, 3), (16, 3, 3)),
        # SCALE-Sim reads a ninth number as the width's stride, and drops the last cell of each row
        (NAMES + "Strides,", "a,16,16,3,3,2,2,3,2,", (16, 3, 3), (16, 3, 2)),
        (NAMES + "Strides,", "a,16,16,3,3,2,2,3,2", (16, 3, 3), (16, 3, 3)),
        # names that do not tell the sides: by place, as in SCALE-Sim's topologies of DeepSpeech
        (
            NAMES.replace("IFMAP Height", "IFMAP Width") + "Strides,",
            "a,700,161,20,5,1,32,2,",
            (700, 20, 2),
            (161, 5, 2),
        ),
        (
            NAMES.replace("Filter Width", "Filter Height").lower() + "stride",
            "a,9,8,3,2,1,1,1",
            (9, 3, 1),
            (8, 2, 1),
        ),
        # and names that do
        (
            NAMES.replace("IFMAP Height,IFMAP Width", "IFMAP Width,IFMAP Height") + "Strides,",
            "a,161,700,20,5,1,32,2,",
            (700, 20, 2),
            (161, 5, 2),
        ),
    ],
)
def test_each_side_has_its_size_filter_and_stride(header, row, rows, cols):
    (((dims, macs),), said) = convs(row, header=header)
    assert (dims["height"], dims["kernel_h"], dims["stride_h"]) == rows
    assert (dims["width"], dims["kernel_w"], dims["stride_w"]) == cols
    assert (
        macs
        == outputs(*rows) * outputs(*cols) * rows[1] * cols[1] * dims["in_channels"] * dims["out_channels"]
    )
    assert said == []


@given(sizes, sizes, sizes, sizes, st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_two_strides_and_a_batch_survive_the_way_there_and_back(h, w, r, s, th, tw, batch):
    r, s = min(r, h), min(s, w)
    header = NAMES + "Stride Height,Stride Width,Batch,"
    ((_, macs),), _ = convs(f"a,{h},{w},{r},{s},3,4,{th},{tw},{batch},", header=header)
    assert macs == batch * outputs(h, r, th) * outputs(w, s, tw) * r * s * 12
    trace, _ = read_csv(f"{header}\na,{h},{w},{r},{s},3,4,{th},{tw},{batch},\n", "x")
    text, left_out = to_csv(trace)
    again, said = read_csv(text, "x")
    assert left_out == said == [] and sum(op.macs for op in again.ops) == macs and len(again.ops) == batch
    assert {(op.dims["stride_h"], op.dims["stride_w"]) for op in again.ops} == {(th, tw)}


class TestWhatElseATopologyHolds:
    def test_a_batch_of_images_shares_the_filters(self):
        trace, said = read_csv(CONV.strip() + "Batch Size,\nc1,56,56,3,3,64,64,1,8,\n", "x")
        (op,) = trace.ops
        shapes = [trace.tensor_map()[tensor].shape for tensor in (*op.inputs, *op.outputs)]
        assert shapes == [(8, 64, 56, 56), (64, 64, 3, 3), (8, 64, 54, 54)] and said == []
        assert op.macs == 8 * 54 * 54 * 9 * 64 * 64

    def test_a_batch_of_gemms_is_a_batched_product(self):
        trace, said = read_csv("Layer,M,N,K,Batch,\nbmm,128,128,64,12,\none,2,3,4,,\n", "x")
        shapes = [tensor.shape for tensor in trace.tensors]
        assert shapes[:3] == [(12, 128, 64), (12, 64, 128), (12, 128, 128)] and said == []
        assert [op.macs for op in trace.ops] == [12 * 128 * 128 * 64, 2 * 3 * 4]

    def test_a_fifth_number_of_a_gemm_is_a_batch_to_scale_sim(self):
        assert from_csv("Layer,M,N,K,\nx,1,2,3,7,\n", "x").ops[0].macs == 42
        trace, said = read_csv("Layer,M,N,K,\nx,1,2,3,2:4,\n", "x")
        assert trace.ops[0].macs == 6 and said == ["ignored cells of a column without a name, 1: 2:4"]

    def test_dp_in_a_name_is_depthwise_to_scale_sim(self):
        trace, said = read_csv(CONV + "Conv DP,9,9,3,3,5,2,1,\n", "x")
        (op,) = trace.ops
        shapes = [trace.tensor_map()[tensor].shape for tensor in (*op.inputs, *op.outputs)]
        assert shapes == [(1, 5, 9, 9), (10, 1, 3, 3), (1, 10, 7, 7)]
        assert op.macs == 5 * (7 * 7 * 3 * 3 * 1 * 2)  # five layers of one channel and two filters
        assert said == ["read as depthwise, by the DP in the name, 1: Conv DP"]

    def test_sparsity_is_ignored_and_said(self):
        trace, said = read_csv("Layer Name, M, N, K, Sparsity,\ng1,8,16,32,2:4,\n", "x")
        assert trace.ops[0].macs == 8 * 16 * 32 and said == ["ignored columns: Sparsity"]
        found, said = convs("x,4,4,2,2,1,1,1,2:4,note", header=CONV.strip() + "Sparsity,")
        assert found[0][1] == 3 * 3 * 4 and said == ["ignored columns: Sparsity"]

    @pytest.mark.parametrize("title", ["Encoder block,", "Encoder block", "Encoder block,,,,,,,,"])
    def test_a_title_is_skipped_and_said(self, title):
        text = f"{title}\n{CONV}{title}\nqkv,128,1,1,1,768,2304,1,\n"
        trace, said = read_csv(text, "x")
        assert [op.macs for op in trace.ops] == [128 * 768 * 2304]
        assert said == ["skipped rows of a title alone, 2: Encoder block, Encoder block"]

    def test_more_layers_than_are_converted_are_refused(self):
        row = "x,1,2,3,\n"
        with pytest.raises(TraceError, match=f"^must hold at most {MAX_LAYERS} layers, and holds more$"):
            read_csv("Layer,M,N,K,\n" + row * (MAX_LAYERS + 1), "x")

    def test_names_are_printable_in_what_is_said(self):
        _, said = read_csv("\x1b[2J\nLayer,M,N,K,\x07\nx,1,2,3,\n", "x")
        assert all(line.isprintable() for line in said) and len(said) == 2


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
            "row 2: Filter Height must be at most the image's height of 3, not 5",
        ),
        (CONV + "x,2,2,3,3,8,8,2\n", "row 2: Filter Height must be at most the image's height of 2, not 3"),
        (CONV + "x,3,2,3,3,8,8,2\n", "row 2: Filter Width must be at most the image's width of 2, not 3"),
        ("Layer,M,M,K,N\nx,1,2,3,4\n", "header must name each column once, not 'm twice'"),
        (
            CONV.strip() + "Batch,Batch size\nx,1,1,1,1,1,1,1,1,1\n",
            "header must name one batch, not 'Batch, ",
        ),
        (
            NAMES + "Stride Width,Stride width,\nx\n",
            "header must name each column once, not 'stride width twice'",
        ),
        (NAMES + "Strides,Strides,Strides\nx\n", "header must name at most two strides, not "),
        ("a title\n", "must hold a header and layers, and has neither"),
        (
            "Layer,M,N,K\nx,1,2,3,\n" + "y" * 200_000 + "\n",
            "line 3: is not a table of comma-separated values",
        ),
        ("Layer,M,N,K,Batch\nx,1,2,3,0\n", "row 2: Batch must be a positive integer below 2**31, not '0'"),
        ("name,rows,cols\nx,1,2\n", "header must be 'Layer, M, N, K' or 'Layer name, IFMAP Height, "),
        (
            "IFMAP Height, IFMAP Width\n1,2\n",
            "header must be 'Layer, M, N, K' or 'Layer name, IFMAP Height, ",
        ),
    ],
)
def test_wrong_topology_is_refused(text, message):
    with pytest.raises(TraceError) as caught:
        read_csv(text, "x")
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
    conv(builder, groups=2)
    q = builder.tensor((1, 1, 9, 4), "input")
    dims = {"heads": 1, "head_dim": 4, "seq_len": 9}
    for _ in range(3):
        builder.op("window_attention", [q, q, q], (1, 1, 9, 4), dims, Pattern.sliding(9, 3).attrs())
    text, left_out = to_csv(builder.seal())
    assert text == "Layer,M,N,K,\n"
    assert left_out == [
        "2 conv2d: SCALE-Sim knows no groups",
        "1 conv2d: SCALE-Sim knows no dilation",
        "3 window_attention: SCALE-Sim knows gemm and conv2d alone",
    ]

"""Operators of ONNX: kinds, MACs by formula, and results of the shape that ONNX itself infers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from onnx import NodeProto, defs, shape_inference

from tandemsim.traces.schema import Trace
from tandemsim.workloads.onnx.model import import_model
from tandemsim.workloads.onnx.table import OPERATORS, REFUSED
from tests.onnx.small_models import graph, ints, kinds, model, node, shapes, traced, zeros


class Case(NamedTuple):
    """A model of a few nodes, the MACs that it has, and the kinds of its ops."""

    nodes: Sequence[NodeProto]
    inputs: Mapping[str, Any]
    macs: int
    kinds: str
    constants: Mapping[str, np.ndarray] = {}
    opset: int = 18
    outputs: str = "y"

    def traced(self) -> Trace:
        return traced(self.nodes, self.inputs, self.outputs, self.constants, self.opset)


def alone(op: str, *sides: Any, macs: int = 0, kinds: str = "", opset: int = 18, **attrs: Any) -> Case:
    """One node; its inputs are shapes, arrays of constants, or (type, shape)."""
    names = [f"x{position}" for position in range(len(sides))]
    known = (np.ndarray, np.generic)
    inputs = {name: side for name, side in zip(names, sides, strict=True) if not isinstance(side, known)}
    constants = {
        name: np.asarray(side) for name, side in zip(names, sides, strict=True) if isinstance(side, known)
    }
    return Case([node(op, " ".join(names), **attrs)], inputs, macs, kinds, constants, opset)


PRODUCTS = {
    "matrices": alone("MatMul", (4, 5), (5, 6), macs=4 * 5 * 6, kinds="gemm"),
    "one matrix for a batch": alone(
        "MatMul", (2, 3, 4, 5), zeros(5, 6), macs=2 * 3 * 4 * 5 * 6, kinds="gemm"
    ),
    "batches": alone("MatMul", (2, 3, 4, 5), (2, 3, 5, 6), macs=2 * 3 * 4 * 5 * 6, kinds="gemm"),
    "broadcast left": alone("MatMul", (1, 4, 5), (3, 5, 6), macs=3 * 4 * 5 * 6, kinds="gemm"),
    "broadcast both": alone("MatMul", (2, 1, 4, 5), (3, 5, 6), macs=6 * 4 * 5 * 6, kinds="gemm"),
    "vector left": alone("MatMul", (5,), (5, 6), macs=30, kinds="gemm"),
    "vector right": alone("MatMul", (3, 4, 5), (5,), macs=60, kinds="gemm"),
    "vectors": alone("MatMul", (5,), (5,), macs=5, kinds="gemm"),
    "gemm": alone("Gemm", (4, 5), (5, 6), (6,), macs=120, kinds="gemm"),
    "gemm, both turned": alone("Gemm", (5, 4), (6, 5), macs=120, kinds="gemm", transA=1, transB=1),
    "integers": alone("MatMulInteger", ("uint8", (4, 5)), ("int8", (5, 6)), macs=120, kinds="gemm"),
    "attention scores": alone(
        "Einsum", (2, 3, 4, 8), (2, 3, 5, 8), macs=2 * 3 * 4 * 5 * 8, kinds="gemm", equation="bhqd,bhkd->bhqk"
    ),
    "a chain": alone(
        "Einsum",
        (3, 4),
        (4, 5),
        (5, 6),
        macs=3 * 4 * 5 + 3 * 5 * 6,
        kinds="gemm gemm",
        equation="ab,bc,cd->ad",
    ),
    "dots": alone("Einsum", (2, 3, 4), (4, 5), macs=2 * 3 * 4 * 5, kinds="gemm", equation="...i,ij->...j"),
    "outer": alone("Einsum", (3,), (4,), kinds="eltwise", equation="i,j->ij"),
    "a sum first": alone(
        "Einsum", (3, 4, 7), (4, 5), macs=3 * 4 * 5, kinds="reduce gemm", equation="abz,bc->ac"
    ),
    "implicit result": alone("Einsum", (3, 4), (4, 5), macs=60, kinds="gemm", equation="ab,bc"),
    "a trace of letters": alone("Einsum", (3, 4), kinds="reduce", equation="ab->b"),
}

CONVOLUTIONS = {
    "2-D": alone("Conv", (2, 3, 9, 11), zeros(6, 3, 3, 3), macs=2 * 6 * 7 * 9 * 27, kinds="conv2d"),
    "strides and pads": alone(
        "Conv",
        (1, 3, 9, 11),
        zeros(6, 3, 3, 3),
        macs=6 * 5 * 6 * 27,
        kinds="conv2d",
        strides=[2, 2],
        pads=[1, 1, 1, 1],
    ),
    "pads of four sides": alone(
        "Conv", (1, 1, 5, 5), zeros(1, 1, 3, 3), macs=6 * 7 * 9, kinds="conv2d", pads=[1, 0, 2, 4]
    ),
    "dilated": alone(
        "Conv", (1, 1, 9, 9), zeros(1, 1, 3, 3), macs=5 * 5 * 9, kinds="conv2d", dilations=[2, 2]
    ),
    "depthwise": alone("Conv", (1, 8, 6, 6), zeros(8, 1, 3, 3), macs=8 * 16 * 9, kinds="conv2d", group=8),
    "same upper": alone(
        "Conv",
        (1, 1, 7, 8),
        zeros(1, 1, 2, 2),
        macs=4 * 4 * 4,
        kinds="conv2d",
        auto_pad="SAME_UPPER",
        strides=[2, 2],
    ),
    "same lower": alone(
        "Conv", (1, 1, 7, 8), zeros(1, 1, 4, 3), macs=7 * 8 * 12, kinds="conv2d", auto_pad="SAME_LOWER"
    ),
    "valid": alone("Conv", (1, 1, 7, 8), zeros(1, 1, 2, 2), macs=6 * 7 * 4, kinds="conv2d", auto_pad="VALID"),
    "1-D": alone("Conv", (2, 3, 20), zeros(4, 3, 5), zeros(4), macs=2 * 4 * 16 * 15, kinds="conv2d"),
    "3-D": alone("Conv", (1, 2, 5, 6, 7), zeros(4, 2, 3, 3, 3), macs=4 * 3 * 4 * 5 * 54, kinds="conv3d"),
    "integers": alone(
        "ConvInteger", ("uint8", (1, 3, 8, 8)), ("uint8", (4, 3, 3, 3)), macs=4 * 36 * 27, kinds="conv2d"
    ),
    "transposed": alone(
        "ConvTranspose",
        (1, 4, 5, 6),
        zeros(4, 3, 2, 2),
        macs=4 * 30 * 3 * 4,
        kinds="conv_transpose2d",
        strides=[2, 2],
    ),
    "transposed, output pads": alone(
        "ConvTranspose",
        (1, 4, 5, 5),
        zeros(4, 3, 3, 3),
        macs=4 * 25 * 27,
        kinds="conv_transpose2d",
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    ),
    "transposed, stated output": alone(
        "ConvTranspose",
        (1, 1, 3, 3),
        zeros(1, 2, 3, 3),
        macs=9 * 18,
        kinds="conv_transpose2d",
        strides=[3, 2],
        output_shape=[10, 8],
    ),
    "transposed, same": alone(
        "ConvTranspose",
        (1, 1, 3, 3),
        zeros(1, 2, 3, 3),
        macs=9 * 18,
        kinds="conv_transpose2d",
        strides=[2, 2],
        auto_pad="SAME_UPPER",
    ),
    "transposed 1-D": alone(
        "ConvTranspose", (1, 4, 9), zeros(4, 2, 4), macs=36 * 8, kinds="conv_transpose2d", strides=[2]
    ),
    "transposed 3-D, groups": alone(
        "ConvTranspose",
        (1, 4, 3, 3, 3),
        zeros(4, 2, 2, 2, 2),
        macs=108 * 16,
        kinds="conv_transpose3d",
        group=2,
    ),
    "deformed": alone(
        "DeformConv",
        (1, 1, 3, 3),
        zeros(1, 1, 2, 2),
        (1, 8, 2, 2),
        macs=4 * 4,
        kinds="conv2d",
        opset=19,
        kernel_shape=[2, 2],
        pads=[0, 0, 0, 0],
    ),
}

WITHOUT_MACS = {
    "add": alone("Add", (2, 3), (3,), kinds="eltwise"),
    "where": alone("Where", ("bool", (2, 3)), (2, 3), (1,), kinds="eltwise"),
    "clip": alone("Clip", (4,), np.float32(0), np.float32(6), kinds="eltwise"),
    "pad": alone("Pad", (1, 2, 3, 3), ints(0, 0, 1, 1, 0, 0, 1, 1), kinds="eltwise"),
    "resize by scales": alone(
        "Resize", (1, 2, 4, 4), zeros(0), np.array([1, 1, 2, 3], np.float32), kinds="eltwise"
    ),
    "resize by sizes": alone("Resize", (1, 2, 4, 4), zeros(0), zeros(0), ints(1, 2, 5, 9), kinds="eltwise"),
    "upsample": alone("Upsample", (1, 2, 4, 4), np.array([1, 1, 2, 3], np.float32), kinds="eltwise", opset=9),
    "tile": alone("Tile", (2, 3), ints(2, 2), kinds="eltwise"),
    "cumsum": alone("CumSum", (4, 6), np.int64(1), kinds="reduce"),
    "concat": alone("Concat", (2, 3), (2, 5), kinds="eltwise", axis=1),
    "prelu": alone("PRelu", (2, 3, 4), zeros(3, 1), kinds="act"),
    "gelu": alone("Gelu", (2, 3), kinds="act", opset=20),
    "mish": alone("Mish", (2, 3), kinds="act"),
    "softmax": alone("Softmax", (2, 3, 4), kinds="softmax", axis=1),
    "layer norm": alone("LayerNormalization", (2, 3, 4), zeros(4), zeros(4), kinds="norm", axis=-1),
    "rms norm": alone("RMSNormalization", (2, 3, 4), zeros(4), kinds="norm", opset=23),
    "group norm": alone(
        "GroupNormalization", (2, 4, 5, 5), zeros(4), zeros(4), kinds="norm", opset=21, num_groups=2
    ),
    "instance norm": alone("InstanceNormalization", (2, 4, 5, 5), zeros(4), zeros(4), kinds="norm"),
    "lp norm": alone("LpNormalization", (2, 4), kinds="norm", axis=1),
    "mean and variance": alone("MeanVarianceNormalization", (2, 4, 5, 5), kinds="norm", axes=[0, 2, 3]),
    "local response": alone("LRN", (2, 4, 5, 5), kinds="norm", size=3),
    "max pool": alone(
        "MaxPool", (1, 2, 8, 8), kinds="pool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "average pool 1-D": alone("AveragePool", (1, 2, 8), kinds="pool", kernel_shape=[3]),
    "average pool 3-D": alone("AveragePool", (1, 2, 8, 8, 8), kinds="pool", kernel_shape=[2, 2, 2]),
    "global pool": alone("GlobalAveragePool", (1, 2, 8, 8), kinds="pool"),
    "lp pool": alone("LpPool", (1, 2, 8, 8), kinds="pool", kernel_shape=[2, 2]),
    "roi align": alone(
        "RoiAlign", (1, 2, 8, 8), (3, 4), ("int64", (3,)), kinds="pool", output_height=2, output_width=2
    ),
    "mean": alone("ReduceMean", (2, 3, 4), ints(1), kinds="reduce"),
    "mean, axes as an attribute": alone("ReduceMean", (2, 3, 4), kinds="reduce", opset=13, axes=[1]),
    "argmax": alone("ArgMax", (2, 3, 4), kinds="reduce", axis=2),
    "embedding": alone("Gather", zeros(50, 8), ("int64", (2, 7)), kinds="gather"),
    "elements": alone("GatherElements", (3, 4), ("int64", (2, 4)), kinds="gather"),
    "places": alone("GatherND", (3, 4, 5), ("int64", (2, 2)), kinds="gather"),
    "grid sample": alone("GridSample", (1, 2, 4, 4), (1, 3, 3, 2), kinds="gather"),
    "scatter": alone("ScatterND", (3, 4), ("int64", (2, 1)), (2, 4), kinds="scatter"),
    "depth to space": alone("DepthToSpace", (1, 8, 3, 3), kinds="gather", blocksize=2),
    "one hot": alone("OneHot", ("int64", (3,)), np.int64(5), zeros(2), kinds="scatter"),
    "topk": Case([node("TopK", "x k", "y i")], {"x": (3, 40)}, 0, "topk", {"k": ints(4)}),
    "cast": Case([node("Cast", "x", to=10)], {"x": (3,)}, 0, "eltwise"),
    "dequantize": alone("DequantizeLinear", ("uint8", (3, 4)), np.float32(0.1), kinds="quantize"),
    "quantize": alone("QuantizeLinear", (3, 4), np.float32(0.1), np.int8(0), kinds="quantize"),
    "one operand": alone("Sum", (3, 4), kinds=""),
    "dropout": alone("Dropout", (3, 4), kinds=""),
    "reverse": alone("Slice", (5, 4), ints(-1), ints(-99), ints(0), ints(-1), kinds="eltwise"),
}

VIEWS = {
    "reshape": alone("Reshape", (4, 6), ints(2, -1)),
    "reshape with zeros": alone("Reshape", (4, 6, 5), ints(0, 30)),
    "flatten": alone("Flatten", (2, 3, 4), axis=2),
    "squeeze": alone("Squeeze", (2, 1, 4), ints(1)),
    "squeeze, axes as an attribute": alone("Squeeze", (2, 1, 4), opset=11, axes=[1]),
    "unsqueeze": alone("Unsqueeze", (2, 4), ints(0, 3)),
    "transpose": alone("Transpose", (2, 3, 4), perm=[2, 0, 1]),
    "expand": alone("Expand", (3, 1), ints(2, 3, 4)),
    "slice": alone("Slice", (9, 8), ints(1, -5), ints(7, 99), ints(0, 1), ints(2, 1)),
    "slice, numbers as attributes": alone("Slice", (9, 8), opset=9, starts=[1], ends=[5], axes=[1]),
    "select": alone("Gather", (5, 6, 7), np.int64(-1), axis=1),
    "identity": alone("Identity", (2, 3)),
}

CASES = {**PRODUCTS, **CONVOLUTIONS, **WITHOUT_MACS, **VIEWS}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_operator_has_its_kinds_and_macs(case: Case) -> None:
    trace = case.traced()
    assert kinds(trace) == case.kinds.split()
    assert trace.macs == case.macs


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_results_have_the_shape_that_onnx_infers_for_the_whole_model(case: Case) -> None:
    whole = model(graph(case.nodes, case.inputs, case.outputs, case.constants), case.opset)
    inferred = shape_inference.infer_shapes(whole, strict_mode=True, data_prop=True).graph.output[0]
    found = inferred.type.tensor_type
    trace = case.traced()
    kept = not found.HasField("shape")  # of two norms ONNX infers nothing; they keep the shape of their input
    expected = shapes(trace, "input")[0] if kept else tuple(dim.dim_value for dim in found.shape.dim)
    made = shapes(trace) or shapes(trace, "input")  # what is passed on unchanged stays an input
    assert made[-1] == expected


@pytest.mark.parametrize(
    "case, reduced",
    [
        (WITHOUT_MACS["softmax"], 3), (WITHOUT_MACS["layer norm"], 4), (WITHOUT_MACS["max pool"], 9),
        (WITHOUT_MACS["global pool"], 64), (WITHOUT_MACS["mean"], 3), (WITHOUT_MACS["argmax"], 4),
        (WITHOUT_MACS["group norm"], 50), (WITHOUT_MACS["instance norm"], 25), (WITHOUT_MACS["topk"], 40),
        (WITHOUT_MACS["mean and variance"], 50), (WITHOUT_MACS["average pool 3-D"], 8),
        (alone("Softmax", (2, 3, 4), opset=11), 12), (WITHOUT_MACS["cumsum"], 6),
    ],
)  # fmt: skip
def test_an_op_says_how_many_elements_meet_in_one(case: Case, reduced: int) -> None:
    (op,) = case.traced().ops
    assert op.dims["reduced"] == reduced


@pytest.mark.parametrize(
    "op, auto, pads",
    [
        ("Conv", "SAME_UPPER", (0, 1)),
        ("Conv", "SAME_LOWER", (1, 0)),
        ("ConvTranspose", "SAME_UPPER", (0, 1)),
        ("ConvTranspose", "SAME_LOWER", (1, 0)),
    ],
)
def test_an_odd_pad_is_on_the_side_that_the_node_says(op: str, auto: str, pads: tuple[int, int]) -> None:
    """A kernel of 2 needs one pad in all: at the end, or at the beginning."""
    dims = alone(op, (1, 1, 6, 6), zeros(1, 1, 2, 2), auto_pad=auto).traced().ops[0].dims
    assert (dims["pad_top"], dims["pad_bottom"]) == (dims["pad_left"], dims["pad_right"]) == pads


@pytest.mark.parametrize("case", VIEWS.values(), ids=VIEWS)
def test_a_view_is_no_op_and_shows_the_memory_of_its_input(case: Case) -> None:
    trace = case.traced()
    assert trace.ops == ()
    (source,) = [tensor for tensor in trace.tensors if tensor.alias_of is None]
    assert {tensor.alias_of for tensor in trace.tensors} <= {None, source.id}


@pytest.mark.parametrize(
    "op, made, macs",
    [
        (alone("DFT", (3, 16, 1), opset=17, axis=1), (3, 16, 2), 3 * 16 * 4),  # 2 · 3 · 16 · 4 / 2: real
        (alone("DFT", (3, 16, 2), opset=17, axis=1), (3, 16, 2), 2 * 3 * 16 * 4),
        (alone("DFT", (3, 16, 1), np.int64(16), opset=17, axis=1, onesided=1), (3, 9, 2), 3 * 16 * 4),
    ],
)
def test_a_fourier_transform_has_the_macs_of_its_rule(op: Case, made: tuple[int, ...], macs: int) -> None:
    trace = op.traced()
    assert (kinds(trace), shapes(trace), trace.macs) == (["fft", "eltwise"], [made], macs)


def test_every_operator_of_onnx_has_an_entry_or_a_reason() -> None:
    """Those of opset 23, without the domains of training and of classic machine learning."""
    schemas = [schema for schema in defs.get_all_schemas_with_history() if not schema.domain]
    names = {schema.name for schema in schemas if schema.since_version <= 23}
    names -= {schema.name for schema in schemas if schema.deprecated}
    assert (
        names - {name for domain, name in OPERATORS if not domain} - {n for d, n in REFUSED if not d} == set()
    )


def test_no_operator_is_both_known_and_refused() -> None:
    assert not set(OPERATORS) & set(REFUSED)


def test_a_model_in_memory_needs_no_file() -> None:
    made = model(graph([node("MatMul", "a b")], {"a": (2, 3), "b": (3, 4)}))
    assert import_model(made, "product").source.model == "product"

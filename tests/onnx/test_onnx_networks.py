"""The nine networks that the package `onnx` carries, counted twice: by us, and by the rules of a textbook."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, NodeProto, helper, shape_inference

from tandemsim.traces.codec import find, load
from tandemsim.workloads.onnx import constants
from tandemsim.workloads.onnx.model import import_file

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
#: Layers of models at 224 x 224, by PyTorch's FlopCounterMode on transformers' implementation: not our code.
LISTS = Path(__file__).parent / "published"

#: Multiply-accumulates that others give for these networks, to the digits that they give.
PUBLISHED = {
    "light_resnet50": 4_089_184_256,  # the sum of published/resnet50.csv
    "light_densenet121": 2_834_161_664,  # torchvision's DenseNet-121, by PyTorch's FlopCounterMode, halved
    "light_squeezenet": 349_151_936,  # torchvision's SqueezeNet 1.1, the same way
    "light_vgg19": 19_632_062_464,  # torchvision's VGG-19, the same way
}


def counted_by_hand(model: ModelProto) -> Counter[int]:
    """The MACs of each convolution and product, from the shapes that ONNX infers for the whole graph."""
    model = shape_inference.infer_shapes(model, data_prop=True)
    shape: dict[str, list[int]] = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for info in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
        shape.setdefault(info.name, [dim.dim_value for dim in info.type.tensor_type.shape.dim])
    found: Counter[int] = Counter()
    for node in model.graph.node:
        if node.op_type == "Conv":
            _, per_group, *kernel = shape[node.input[1]]
            found[math.prod(shape[node.output[0]]) * per_group * math.prod(kernel)] += 1
        elif node.op_type == "Gemm":
            attrs = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            inner = shape[node.input[0]][0 if attrs.get("transA") else 1]
            found[math.prod(shape[node.output[0]]) * inner] += 1
    return found


def networks() -> list[str]:
    return sorted(path.stem for path in LIGHT.glob("*.onnx"))


def test_there_are_nine_of_them() -> None:
    assert len(networks()) == 9


@pytest.mark.parametrize("name", networks())
def test_each_layer_has_the_macs_of_a_count_by_hand(name: str) -> None:
    path = LIGHT / f"{name}.onnx"
    ours = Counter(op.macs for op in import_file(path).ops if op.macs)
    assert ours == counted_by_hand(onnx.load(path))
    assert sum(macs * count for macs, count in ours.items()) == PUBLISHED.get(name, sum(ours.elements()))


@pytest.mark.parametrize("name", ["resnet50"])
def test_layers_are_those_of_the_published_list(name: str) -> None:
    with (LISTS / f"{name}.csv").open() as stream:
        rows = Counter(int(row["macs"]) for row in csv.DictReader(stream))
    ours = Counter(op.macs for op in import_file(LIGHT / f"light_{name}.onnx").ops if op.macs)
    assert ours == rows


KERNEL = ("in_channels", "out_channels", "kernel_h", "kernel_w", "stride_h", "stride_w", "groups")


@pytest.mark.parametrize("file, name", [("light_resnet50", "resnet50"), ("light_inception_v1", "googlenet")])
def test_the_checked_in_trace_has_the_kernels_of_the_network_from_elsewhere(file: str, name: str) -> None:
    """Caffe rounds the sides of pooled images up, the file of Inception v1 down: its images are smaller."""
    theirs, ours = import_file(LIGHT / f"{file}.onnx"), load(find(name))
    kernels = [
        Counter(tuple(op.dim(key) for key in KERNEL) for op in trace.ops if op.kind == "conv2d")
        for trace in (theirs, ours)
    ]
    assert kernels[0] == kernels[1]
    assert (theirs.macs == ours.macs) == (name == "resnet50")


def test_every_node_that_computes_becomes_an_op() -> None:
    """ResNet-50: the other nodes make constants (ConstantOfShape) or views (Reshape)."""
    nodes = Counter(node.op_type for node in onnx.load(LIGHT / "light_resnet50.onnx").graph.node)
    ops = Counter(op.kind for op in import_file(LIGHT / "light_resnet50.onnx").ops)
    assert ops["conv2d"] == nodes["Conv"] and ops["norm"] == nodes["BatchNormalization"]
    assert ops["act"] == nodes["Relu"] and ops["pool"] == nodes["MaxPool"] + nodes["AveragePool"]
    assert ops["eltwise"] == nodes["Sum"] + nodes["Add"]
    others = set(nodes) - {"Conv", "BatchNormalization", "Relu", "MaxPool", "AveragePool", "Sum", "Add"}
    assert others == {"ConstantOfShape", "Reshape", "Gemm", "Softmax"}


def test_weights_are_tensors_of_their_shape_and_are_not_computed() -> None:
    trace = import_file(LIGHT / "light_vgg19.onnx")
    weights = [tensor for tensor in trace.tensors if tensor.role == "weight" and tensor.alias_of is None]
    assert sum(tensor.elements for tensor in weights) == 143_667_240  # the parameters of VGG-19


def test_no_weight_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """These files make their weights by nodes: a content of 500 MB for VGG-19, which nobody asks for."""
    computed: list[int] = []
    plain = constants._evaluated

    def watched(proto: NodeProto, position: int, inputs: object, elements: int, opsets: object) -> object:
        computed.append(elements)
        return plain(proto, position, inputs, elements, opsets)  # type: ignore[arg-type]

    monkeypatch.setattr(constants, "_evaluated", watched)
    import_file(LIGHT / "light_vgg19.onnx")
    assert sum(computed) < 100

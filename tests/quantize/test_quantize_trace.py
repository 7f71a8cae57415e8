"""What a trace then says of weights and of the inputs of the ops that read them."""

import numpy as np
import pytest

from tandemsim.sim.quantize.rule import Rule, named
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Quant, Source, Tensor
from tandemsim.traces.validate import seal
from tandemsim.workloads.quantize.annotate import annotated
from tandemsim.workloads.quantize.model import Layer
from tandemsim.workloads.quantize.quantizing import quantize_layer

GEMM = {"m": 5, "n": 4, "k": 4}


class Net:
    """Ops on 5 × 4 numbers."""

    def __init__(self):
        self.tensors, self.ops = [], []
        self.x = self.tensor((5, 4), "input")

    def tensor(self, shape, role, **more):
        self.tensors.append(Tensor(id=len(self.tensors), shape=shape, dtype="float32", role=role, **more))
        return len(self.tensors) - 1

    def op(self, kind, name, *inputs, role="activation"):
        output = self.tensor((5, 4), role)
        dims = GEMM if kind == "gemm" else {"elements": 20}
        op = Op(
            id=len(self.ops),
            kind=kind,
            name=name,
            inputs=inputs,
            outputs=(output,),
            dims=dims,
            macs=macs(kind, dims, {}),
        )
        self.ops.append(op)
        return output

    def linear(self, name, given, role="activation"):
        """A linear layer reads its weight transposed, as PyTorch's do."""
        weight = self.tensor((4, 4), "weight", name=f"{name}.weight")
        return self.op("gemm", name, given, self.tensor((4, 4), "weight", alias_of=weight), role=role)

    def annotated(self, rules, same=()):
        """Quantize each layer by its rule; layers in `same` are given the same numbers."""
        trace = seal(
            source=Source(model="net", configuration={}, exporter="tests", exporter_version="1"),
            tensors=self.tensors,
            ops=self.ops,
        )
        layers = []
        for seed, (name, rule) in enumerate(rules.items()):
            random = np.random.default_rng(0 if name in same else seed + 1)
            layer = Layer(
                name=name,
                weight_name=f"{name}.weight",
                weight=random.normal(size=(4, 4)),
                activation=np.abs(random.normal(size=(5, 4))),
            )
            layers.append(quantize_layer(layer, rule))
        return annotated(trace, layers, {"bits": 4})


def reader(trace, name):
    """The tensor that an op reads first, and the op that made it."""
    (op,) = [op for op in trace.ops if op.name == name]
    tensor = trace.tensor_map()[op.inputs[0]]
    return tensor, next((each for each in trace.ops if tensor.id in each.outputs), None)


FLINT, INT = Rule(form=named("flint4")), Rule(form=named("int4"))


def test_a_weight_and_its_transpose_are_quantized():
    net = Net()
    net.linear("fc", net.x, role="output")
    trace, arrays, missing = net.annotated({"fc": FLINT, "other": INT})
    weight, view = [tensor for tensor in trace.tensors if tensor.role == "weight"]
    assert weight.quant == Quant(bits=4, type="flint", axis=0, scales="fc.weight/scales")
    assert view.quant == Quant(bits=4, type="flint")  # and the scales of the weight
    assert arrays["fc.weight/scales"].shape == (4,)
    assert missing == ["other.weight"]
    assert trace.source.configuration == {"quantization": {"bits": 4}}


def test_an_activation_that_nothing_else_reads_is_quantized_itself():
    net = Net()
    middle = net.op("act", "relu", net.linear("one", net.x))
    net.linear("two", middle, role="output")
    trace, arrays, _ = net.annotated({"one": FLINT, "two": INT})
    assert [op.kind for op in trace.ops] == ["gemm", "act", "gemm"]
    assert reader(trace, "one")[0].quant == Quant(
        bits=4, type="flint", signed=False, scales="one/input_scale"
    )
    given, maker = reader(trace, "two")
    assert (
        given.quant == Quant(bits=4, type="int", signed=False, scales="two/input_scale")
        and maker.name == "relu"
    )
    assert given.size_bytes == 10
    assert set(arrays) == {f"{n}{s}" for n in ("one", "two") for s in (".weight/scales", "/input_scale")}


def test_an_activation_that_others_read_is_copied():
    net = Net()
    middle = net.op("act", "relu", net.linear("one", net.x))
    net.op("eltwise", "add", middle, net.linear("two", middle), role="output")
    trace, _, _ = net.annotated({"one": FLINT, "two": FLINT})
    assert [op.kind for op in trace.ops] == ["gemm", "act", "quantize", "gemm", "eltwise"]
    given, maker = reader(trace, "two")
    assert given.quant.bits == 4 and maker.name == "two.quantize"
    assert reader(trace, "add")[0].quant is None
    assert [op.id for op in trace.ops] == [0, 1, 2, 3, 4]


def test_an_output_of_the_model_is_copied():
    net = Net()
    middle = net.op("act", "relu", net.linear("one", net.x), role="output")
    net.linear("two", middle, role="output")
    trace, _, _ = net.annotated({"two": FLINT})
    assert reader(trace, "two")[1].kind == "quantize"


def test_layers_that_are_given_the_same_share_it():
    net = Net()
    for name in ("query", "key"):
        net.linear(name, net.x, role="output")
    trace, _, _ = net.annotated({"query": FLINT, "key": FLINT}, same=("query", "key"))
    assert [op.kind for op in trace.ops] == ["gemm", "gemm"]
    assert (
        reader(trace, "query")[0].quant.scales == reader(trace, "key")[0].quant.scales == "query/input_scale"
    )


def test_layers_of_two_formats_have_a_copy_each():
    net = Net()
    for name in ("query", "key", "value"):
        net.linear(name, net.x, role="output")
    rules = {"query": FLINT, "key": FLINT.escalated(), "value": FLINT}
    trace, _, _ = net.annotated(rules, same=rules)
    assert [op.kind for op in trace.ops] == ["quantize", "gemm", "quantize", "gemm", "gemm"]
    assert [reader(trace, name)[0].quant.bits for name in rules] == [4, 8, 4]
    assert reader(trace, "query")[0].id == reader(trace, "value")[0].id


@pytest.mark.parametrize("name, arrays", [("mxfp4", 1), ("nvfp4", 2)])
def test_blocks_of_activations_have_no_scales_of_their_own(name, arrays):
    net = Net()
    net.linear("fc", net.x, role="output")
    trace, stored, _ = net.annotated({"fc": Rule(form=named(name))})
    assert reader(trace, "fc")[0].quant == Quant(bits=4, type=name)
    assert len(stored) == arrays and stored["fc.weight/scales"].dtype == np.uint8


def test_macs_stay_as_they_were():
    net = Net()
    net.linear("fc", net.linear("one", net.x), role="output")
    assert net.annotated({"fc": FLINT, "one": INT})[0].macs == 2 * 5 * 4 * 4

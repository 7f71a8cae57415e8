"""Layers of a trace: nothing is lost, nothing is counted twice, and shapes agree with the tensors."""

from __future__ import annotations

import math

import pytest

from tandemsim.sim.cpu.layers import RIDING, layers_of
from tandemsim.sim.cpu.shapes import VALUE_BYTES
from tandemsim.traces import codec

NAMES = ("resnet50", "mobilenet-v2", "googlenet", "bert-large-384", "unet", "gpt-oss-20b-8k")


@pytest.mark.parametrize("name", NAMES)
def test_every_op_is_in_one_layer_and_every_mac_in_its_shape(name: str) -> None:
    trace = codec.load(codec.find(name))
    found = layers_of(trace, trace.ops)
    ops = [op.id for layer in found.layers for op in (layer.op, *layer.riders)]
    assert sorted(ops) == sorted(op.id for op in trace.ops)
    assert sum(layer.shape.macs for layer in found.layers) == trace.macs
    for place, layer in enumerate(found.layers):
        assert all(found.rides_on[op.id] == place for op in layer.riders)
        assert {op.kind for op in layer.riders} <= RIDING


@pytest.mark.parametrize("name", NAMES)
def test_a_product_has_the_loops_and_the_outputs_that_its_macs_say(name: str) -> None:
    trace = codec.load(codec.find(name))
    for layer in layers_of(trace, trace.ops).layers:
        shape = layer.shape
        if layer.op.kind in ("gemm", "conv2d"):
            assert shape.m * shape.n * shape.k * shape.groups == shape.macs
            if {op.kind for op in layer.riders} <= {"act", "norm"}:  # a pad changes the size
                assert shape.output_bytes == VALUE_BYTES * shape.m * shape.n * shape.groups


def test_what_rides_has_no_other_reader_in_between() -> None:
    trace = codec.load(codec.find("resnet50"))
    found = layers_of(trace, trace.ops)
    kinds = [layer.op.kind for layer in found.layers]
    assert kinds.count("conv2d") == 53 and len(kinds) == 56  # and a pooling, a mean, a product
    by_name = {layer.op.name: layer for layer in found.layers}
    last = by_name["resnet.encoder.stages.0.layers.1.layer.2.convolution"]
    assert [op.kind for op in last.riders] == ["norm", "eltwise", "act"]
    assert last.shape.beside_bytes > last.shape.output_bytes  # the residual, and a few numbers a channel


def test_an_op_rides_on_the_last_of_the_layers_that_it_joins() -> None:
    """A residual addition waits for both of its operands, so it is on the one that is made last."""
    trace = codec.load(codec.find("resnet50"))
    found = layers_of(trace, trace.ops)
    made: dict[int, int] = {}
    for place, layer in enumerate(found.layers):
        for op in layer.riders:
            others = [made[each] for each in op.inputs if each in made]
            assert all(other <= place for other in others)
        made |= {each: place for op in (layer.op, *layer.riders) for each in op.outputs}
    shortcut = next(layer for layer in found.layers if "shortcut" in layer.op.name)
    assert [op.kind for op in shortcut.riders] in (["norm"], ["norm", "eltwise", "act"])


@pytest.mark.parametrize("kind", ("attention", "window_attention"))
def test_attention_has_a_group_a_head_and_the_keys_of_its_pairs(kind: str) -> None:
    name = {"attention": "bert-base-128", "window_attention": "longformer"}[kind]
    trace = codec.load(codec.find(name))
    layer = next(each for each in layers_of(trace, trace.ops).layers if each.op.kind == kind)
    shape = layer.shape
    assert shape.groups == 12 and shape.k == 128 and not shape.stored
    assert shape.m * shape.n * shape.k * shape.groups == pytest.approx(shape.macs, rel=0.01)


@pytest.mark.parametrize("name", ("resnet50", "bert-large-384", "llama3-8b-decode"))
def test_a_batch_repeats_activations_and_no_weights(name: str) -> None:
    trace = codec.load(codec.find(name))
    one, three = (layers_of(trace, trace.ops, batch).layers for batch in (1, 3))
    for single, triple in zip(one, three, strict=True):
        if single.op.kind in ("conv2d", "gemm", "attention"):
            assert triple.shape.macs == 3 * single.shape.macs
            assert triple.shape.weight_bytes == single.shape.weight_bytes
            assert math.isclose(triple.shape.output_bytes, 3 * single.shape.output_bytes)


@pytest.mark.parametrize("name", ("resnet50", "bert-base-128", "swin-t"))
def test_inputs_and_outputs_of_the_model_are_read_and_left_once(name: str) -> None:
    trace = codec.load(codec.find(name))
    found = layers_of(trace, trace.ops)
    read = sum(first for first, _ in found.outside)
    inputs = [tensor for tensor in trace.tensors if tensor.role == "input" and tensor.alias_of is None]
    assert 0 < read <= VALUE_BYTES * sum(tensor.elements for tensor in inputs)
    assert found.outside[-1][1] > 0

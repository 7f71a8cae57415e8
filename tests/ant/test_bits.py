"""Operand widths: the artifact's lists fall on the layers that they mean; what a trace states is taken."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.arch.ant.baselines import BISCALED, SYSTOLIC
from tandemsim.sim.arch.ant.bit_lists import BIT_LISTS, NETWORKS, of_products
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.sim.machines.ant.bits import LISTS, MODELS, chosen, widths
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.papers.ant.networks import layers
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.codec import find, load
from tandemsim.traces.schema import Op, Quant, Trace
from tandemsim.traces.validate import seal

Layer = tuple[int, int, int, int]  # channels in and out, height and width of the kernel
TRACES = {**{name: name for name in NETWORKS[:4]}, **MODELS}


def layer_of(op: Op) -> Layer:
    if op.kind == "conv2d":
        return op.dim("in_channels"), op.dim("out_channels"), op.dim("kernel_h"), op.dim("kernel_w")
    return op.dim("k"), op.dim("n"), 1, 1


def products(name: str) -> list[Op]:
    return [op for op in load(find(name)).ops if op.kind in PRODUCTS]


@pytest.mark.parametrize(("name", "network"), TRACES.items())
def test_a_trace_has_the_layers_of_its_network_in_the_order_of_the_lists(name: str, network: str) -> None:
    """The lists' layers, whose dims the artifact states, against the trace's: ViT has q, k and v apart."""
    stated = [
        (each.ic, each.oc, each.kernel_height, each.kernel_width) for each in layers(network, "bitfusion")
    ]
    mine = [layer_of(op) for op in products(name)]
    if network == "vit":
        stated = [part for each in stated for part in ([(768, 768, 1, 1)] * 3 if each[1] == 2304 else [each])]
        assert stated.pop() == (768, 1000, 1, 1)  # the trace has a pooler in the classifier's place
        stated.append((768, 768, 1, 1))
    if network == "bert-mnli":
        assert stated.pop() == (768, 2, 1, 1)  # the trace has no classifier
    assert mine == stated
    bits = of_products("ant", network, len(mine))
    assert bits is not None and len(bits) == len(mine)


def test_every_list_has_a_width_for_each_layer() -> None:
    for (name, network), bits in BIT_LISTS.items():
        assert len(bits) == len(layers(network, "bitfusion")), (name, network)
        assert set(bits) <= {0, 4, 6, 8}


def named(name: str, trace: Trace) -> dict[str, int]:
    found = widths(trace, trace.ops, ANT.array, name)
    return {op.name: found[op.id].weight for op in trace.ops if op.kind in PRODUCTS}


def test_the_lists_give_8_bits_to_the_layers_that_the_artifact_names() -> None:
    resnet = load(find("resnet50"))
    bits = list(named("ant", resnet).values())
    assert bits[0] == bits[53] == 8 and set(bits[1:53]) == {4}
    vit = load(find("vit-b16"))
    blocks = list(named("ant", vit).values())
    assert blocks[0] == 8  # the patch embedding
    # qkv of the first block has 4 bits, and its other three layers 8 (artifact: list places 1, 2, 3)
    assert blocks[1:7] == [4, 4, 4, 8, 8, 8]
    bert = load(find("bert-base-128"))
    cola = list(named("ant:bert-cola", bert).values())
    assert [place for place, width in enumerate(cola) if width == 8] == [37, 42, 43, 44, 48, 49, 50, 59, 72]
    assert set(named("ant:bert-sst2", bert).values()) == {4}
    assert named("ant", bert) == named("ant:bert-mnli", bert)


def test_attention_has_the_widest_operands_of_the_array() -> None:
    trace = small_trace()
    for array, width, each in ((ANT.array, 8, 2), (SYSTOLIC.array, 8, 1), (BISCALED.array, 6, 1)):
        found = widths(trace, trace.ops, array, "4")
        for op in trace.ops:
            if op.kind in ATTENTIONS:
                bits = found[op.id]
                assert (bits.activation, bits.weight, bits.operands) == (width, width, (each, each))


def quantized(**stated: Any) -> Trace:
    """Return the small trace with both operands of every product stated."""
    trace = small_trace()
    numbers = {number for op in trace.ops if op.kind in PRODUCTS for number in op.inputs[:2]}
    quant = Quant(**{"bits": 4, "type": "int", **stated})
    tensors = [replace(each, quant=quant) if each.id in numbers else each for each in trace.tensors]
    return seal(source=trace.source, tensors=tensors, ops=list(trace.ops))


@pytest.mark.parametrize(
    ("stated", "bits", "operands"),
    [
        ({"type": "flint", "bits": 4}, 4, 1),
        ({"type": "pot", "bits": 4}, 4, 1),
        ({"type": "int", "bits": 3}, 3, 1),
        ({"type": "int", "bits": 5}, 5, 2),
        ({"type": "int", "bits": 8}, 8, 2),
        ({"type": "flint", "bits": 5, "signed": False}, 5, 1),
        ({"type": "e2m3", "bits": 6}, 6, 1),
        ({"type": "mxfp6-e2m3", "bits": 6}, 6, 1),
        ({"type": "mxint8", "bits": 8}, 8, 2),
    ],
)
def test_what_a_trace_states_takes_as_many_operands_as_its_format(
    stated: dict[str, Any], bits: int, operands: int
) -> None:
    trace = quantized(**stated)
    array = AntArray(formats=(*ANT.array.formats, "e2m3", "flint5u"), accumulator_width=40)
    for op in trace.ops:
        if op.kind in PRODUCTS:
            found = widths(trace, trace.ops, array, "trace")[op.id]
            assert (found.activation, found.weight, found.operands) == (bits, bits, (operands, operands))
            named = "int8" if stated["type"] in ("int", "mxint8") and bits > 4 else None
            assert named is None or array.operands_of(FORMATS[named]) == operands


def test_a_run_takes_what_its_trace_states_unless_the_preset_says_otherwise() -> None:
    stated, plain = quantized(bits=8), small_trace()

    def bits(trace: Trace, preset: str) -> str:
        return str(simulate(Request(workload="x", trace=trace, preset=preset)).report.extra["bits"])

    assert (bits(stated, "ant"), bits(plain, "ant")) == ("trace", "4")
    assert (bits(stated, "systolic"), bits(plain, "bitfusion"), bits(plain, "biscaled")) == ("8", "8", "6")


def test_the_defaults_of_a_preset_are_the_lists_of_its_network() -> None:
    resnet = load(find("resnet18"))
    for preset in ANT_FAMILY.presets.values():
        assert preset.bits[-1] in ("4", "6", "8")  # which every trace has
        assert chosen(resnet, None, preset.bits) == next(each for each in preset.bits if each != "trace")


@pytest.mark.parametrize(
    ("trace", "name", "said"),
    [
        (small_trace(), "5", "unknown list of bits '5'"),
        (small_trace(), "8:vit", "unknown list of bits '8:vit'"),
        (
            small_trace(),
            "ant",
            r"--bits ant has lists for vgg16, resnet18, .*, not for 'small'; ant:NETWORK takes",
        ),
        (small_trace(), "ant:resnet19", "unknown network of ANT's evaluation 'resnet19'"),
        (
            small_trace(),
            "ant:vit",
            "--bits ant:vit lists the 50 layers of vit with weights, and the trace has 2 products",
        ),
        (
            small_trace(),
            "trace",
            "--bits trace takes what a trace states of its tensors, and 'small' states nothing of an operand",
        ),
        (
            quantized(type="e2m1"),
            "trace",
            "op 'project': tensor 0: array.formats must name e2m1, which an operand has",
        ),
        (
            quantized(type="pot", bits=8),
            "trace",
            "op 'project': tensor 0: pot8 shifts by up to 126, and a PE by at most 15$",
        ),
        (quantized(type="flint", bits=8), "trace", "op 'project': tensor 0: flint8 does not fit a PE"),
        (quantized(bits=9), "trace", "op 'project': tensor 0: int must have 3 to 8 bits, not 9$"),
    ],
)
def test_widths_that_do_not_fit_are_refused_in_one_line(trace: Trace, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        simulate(Request(workload="x", trace=trace, machine="ant", bits=name))


def test_operands_that_are_wider_than_the_pes_are_refused() -> None:
    said = "^op 'project': an integer on PEs of 6 bits must have at most 6 bits, not 8$"
    with pytest.raises(ConfigError, match=said):
        simulate(Request(workload="x", trace=small_trace(), preset="biscaled", bits="8"))
    said = "^op 'project': tensor 0: PEs of 8 bits must have integers, not flint4$"
    with pytest.raises(ConfigError, match=said):
        simulate(Request(workload="x", trace=quantized(type="flint"), preset="systolic", bits="trace"))


def test_lists_have_no_second_name() -> None:
    """Where every layer of every network has one width, the width is the name."""
    same = {name for name, _ in BIT_LISTS} - set(LISTS)
    for name in same:
        assert len({bits for network in NETWORKS for bits in BIT_LISTS[name, network] if bits}) == 1

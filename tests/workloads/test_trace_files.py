"""The checked-in traces are what the models give today, byte for byte, and do the work that the models do."""

from functools import cache

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.traces.codec import dumps, load
from tandemsim.workloads.export import export
from tandemsim.workloads.registry import WORKLOADS
from tandemsim.workloads.targets import DATA, build_module, resolve

NAMES = list(WORKLOADS)


@pytest.mark.parametrize("name", NAMES)
def test_exporting_again_gives_the_same_bytes(name):
    assert dumps(export(resolve(name))) == (DATA / f"{name}.json").read_bytes()


class Affirmed(TorchDispatchMode):
    """Says yes where a model asks for the value of a mask, which has none on `meta`."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        asked = func is torch.ops.aten._local_scalar_dense.default
        return True if asked else func(*args, **(kwargs or {}))


@cache
def on_meta(name):
    """The module of a workload, and what PyTorch counts for a run of it."""
    workload = WORKLOADS[name].workload()
    with workload.around(lambda line: None), torch.device("meta"), torch.no_grad():
        module = build_module(workload)
        listed, named = workload.inputs.meta()
        with FlopCounterMode(display=False) as counter, Affirmed():
            module(*listed, **named)
    return module, counter.get_total_flops()


@pytest.mark.parametrize("name", NAMES)
def test_macs_are_half_of_what_pytorch_counts_for_the_module(name):
    assert 2 * load(DATA / f"{name}.json").macs == on_meta(name)[1]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_in_the_trace_whole_or_folded(name):
    """Only position tables are folded, as three of ViL into one for each stage; all else must be there."""
    parameters = dict(on_meta(name)[0].named_parameters())
    found = {tensor.name for tensor in load(DATA / f"{name}.json").tensors if tensor.alias_of is None}
    missing = {parameter for parameter, value in parameters.items() if value.numel()} - found
    folded = ("position", "norm") if name.startswith("gemma3") else ("position",)  # Gemma: 1 + weight
    assert all(any(word in parameter for word in folded) for parameter in missing)


# As those say who released the weights: torchvision for most networks of images, Caffe for bvlc_googlenet,
# Darknet by the size of its file (63,471,556 bytes, 16 of them a header), which holds batch statistics too,
# and the authors of the language models by the sizes of theirs.
PARAMETERS = {
    "vgg16": 138_357_544,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "inceptionv3": 23_834_568,
    "googlenet": 6_998_552,
    "mobilenet-v2": 3_504_872,
    "efficientnet-b0": 5_288_548,
    "tiny-yolov2": (63_471_556 - 16) // 4,
    "swin-t": 28_288_354,
    "bert-base-128": 109_482_240,
    "bert-large-384": 335_141_888,
    "gpt2-1024": 124_439_808,
    "mistral-7b-8k": 7_241_732_096,
    "llama3-8b-2k": 8_030_261_248,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_has_the_published_number_of_parameters(name):
    module = on_meta(name)[0]
    held = [*module.parameters()]
    if name == "tiny-yolov2":
        held += [buffer for key, buffer in module.named_buffers() if "running" in key]
    assert sum(parameter.numel() for parameter in held) == PARAMETERS[name]


# Pairs a head at 4096 tokens, 513 keys, 1 global token: of a window clipped at both ends,
# 4096 * 513 - 256 * 257, and of row and column 0 what lies outside it, 2 * 3839.
LONGFORMER_PAIRS = 4096 * 513 - 256 * 257 + 2 * (4096 - 257)


@pytest.mark.parametrize(
    "name, tokens, layers, hidden, ffn",
    [("longformer", 4096, 12, 768, 3072), ("longformer-large", 4096, 24, 1024, 4096)],
)
def test_longformer_does_the_macs_of_its_parts(name, tokens, layers, hidden, ffn):
    projections = tokens * hidden * (4 * hidden + 2 * ffn)
    global_projections = (2 * tokens + 1) * hidden**2
    attention = 2 * hidden * LONGFORMER_PAIRS
    pooler = hidden**2
    trace = load(DATA / f"{name}.json")
    assert trace.macs == layers * (projections + global_projections + attention) + pooler
    windows = [op for op in trace.ops if op.kind == "window_attention"]
    assert len(windows) == layers
    assert {op.macs for op in windows} == {attention}


def test_the_work_of_the_usual_emulation_is_known_and_larger():
    """Hugging Face's sliding chunks are 180 products 512x64 by 64x512 a layer, and 192 256x768 by 768x64.

    In place of the operator they give what PyTorch counts for that model: 413.12 GMAC, with a global token
    471.26.
    """
    trace = load(DATA / "longformer.json")
    pooler = 768**2
    chunks = 180 * 512 * 64 * 512 + 192 * 256 * 768 * 64
    exact = sum(op.macs for op in trace.ops if op.kind == "window_attention")
    apart = sum(op.macs for op in trace.ops if "_global" in op.name)
    without_global = trace.macs - exact - apart + 12 * chunks
    assert round(without_global / 1e9, 2) == 413.12
    one_token = 4 * 12 * 4096 * 64  # its row and its column, scores and values, 12 heads
    assert round((without_global + apart + 12 * one_token - pooler) / 1e9, 2) == 471.26


def test_longformer_16k_does_four_times_the_projections_on_the_same_layers():
    short, long = (load(DATA / f"{name}.json") for name in ("longformer", "longformer-16k"))
    assert [op.name for op in short.ops] == [op.name for op in long.ops]
    for few, many in zip(short.ops, long.ops, strict=True):
        if few.kind == "gemm" and few.dim("m") > 1:
            assert (few.dim("m"), many.dim("m"), few.dim("k")) == (4096, 16384, many.dim("k"))


# Tokens on the grid, global tokens and (query, key) pairs of the four stages at 224x224. In a 15x15 window
# clipped at the edges each axis of length s has 15 s - 56 pairs; the global token adds its row and column.
VIL_STAGES = [
    (56**2, 1, (15 * 56 - 56) ** 2 + 2 * 56**2 + 1),
    (28**2, 1, (15 * 28 - 56) ** 2 + 2 * 28**2 + 1),
    (14**2, 1, (14**2 + 1) ** 2),
    (7**2, 0, (7**2) ** 2),
]


@pytest.mark.parametrize(
    "name, layers, hidden",
    [
        ("vil-tiny", (1, 1, 9, 1), (48, 96, 192, 384)),
        ("vil-small", (1, 2, 8, 1), (96, 192, 384, 768)),
        ("vil-medium-wide", (1, 2, 8, 1), (192, 384, 512, 768)),
    ],
)
def test_vil_does_the_macs_of_its_parts(name, layers, hidden):
    expected = hidden[-1] * 1000
    inputs = (3 * 4 * 4, *(4 * width for width in hidden[:-1]))  # values in one patch
    for stage, (grid, global_tokens, pairs) in enumerate(VIL_STAGES):
        width = hidden[stage]
        block = 12 * (grid + global_tokens) * width**2 + 2 * width * pairs
        expected += grid * inputs[stage] * width + layers[stage] * block
    assert load(DATA / f"{name}.json").macs == expected


@pytest.mark.parametrize("name", ["vil-tiny", "vil-small", "vil-medium-wide"])
def test_vil_windows_are_15_by_15_with_one_global_token(name):
    windows = [op for op in load(DATA / f"{name}.json").ops if op.kind == "window_attention"]
    assert {op.dims["grid"] for op in windows} == {(56, 56), (28, 28)}
    assert all(op.attrs == {"bands": [[-7, 7], [-7, 7]], "global_tokens": [0]} for op in windows)
    assert all(op.dim("seq_len") == op.dims["grid"][0] ** 2 + 1 for op in windows)

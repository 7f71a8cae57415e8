"""Models of PyTorch to quantize: their layers, one run on a batch of inputs, and how their trace is made."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tandemsim.traces.schema import Trace
from tandemsim.workloads.export import export
from tandemsim.workloads.hugging_face.workload import hugging_face
from tandemsim.workloads.inputs import Arguments, InputSpec, parse_arguments
from tandemsim.workloads.modules import trace_module
from tandemsim.workloads.quantize import digits, sentences
from tandemsim.workloads.quantize.model import Model
from tandemsim.workloads.quantize.modules import read_module
from tandemsim.workloads.targets import HUGGING_FACE, Target, build_module, resolve

RANDOM = "activations are those of random inputs: formats for real ones may differ"


def digits_model(name: str, seed: int) -> Model:
    """Return a network trained here from `seed`, with activations of images of its training set."""
    module, data = digits.trained(name, seed), digits.split(seed)
    note = f"trained from seed {seed}, test accuracy {digits.accuracy(module, data):.3f} before quantization"
    calibration = [data.train[: digits.CALIBRATION]]
    return read_module(module, calibration, {}, name, lambda: trace_module(module, ["1x1x8x8"], name), [note])


def sentence_model() -> Model:
    """Return all-MiniLM-L6-v2, with activations of sixteen sentences."""
    module = sentences.load()
    batch = sentences.tokens(sentences.sentences()[: sentences.CALIBRATION])
    return read_module(module, [], batch, sentences.NAME, _sentence_trace)


def _sentence_trace() -> Trace:
    fields = sentences.config_fields()
    ids = InputSpec(shape=(1, sentences.TOKENS), dtype="int64", end=fields["vocab_size"])
    workload = hugging_face("bert", fields, Arguments(named={"input_ids": ids}))
    return export(Target(workload, sentences.NAME, sentences.folder()))


def own_model(name: str, inputs: Sequence[str], seed: int) -> Model:
    """Return a model of the user's, with activations of random inputs."""
    target = resolve(name, parse_arguments(inputs))
    torch.manual_seed(seed)
    with target.workload.around(lambda line: None):
        module = build_module(target.workload)
        listed, named = target.workload.inputs.random(torch.Generator().manual_seed(seed))
        called, shapes = target.workload.name, target.workload.inputs.named
        stated = [tensor.to("meta") for tensor in listed]

        def trace() -> Trace:
            if name.startswith(HUGGING_FACE):
                return export(target)
            return trace_module(module, stated, called, shapes)

        return read_module(module, listed, named, called, trace, [RANDOM])

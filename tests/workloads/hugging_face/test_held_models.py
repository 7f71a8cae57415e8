"""A model of transformers that the user has built is traced as ``transformers:NAME`` traces it."""

import json

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    BloomConfig,
    BloomModel,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralModel,
)
from transformers.integrations.moe import ExpertsInterface

import tandemsim as ts
from tandemsim.workloads.export import export
from tandemsim.workloads.hugging_face.registrations import NAME
from tandemsim.workloads.inputs import parse_arguments
from tandemsim.workloads.recorder import Recorder
from tandemsim.workloads.targets import Target, resolve
from tandemsim.workloads.workload import Workload

SMALL = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
SMALL |= {"num_key_value_heads": 2, "sliding_window": 7, "vocab_size": 100}
IDS = torch.zeros(1, 32, dtype=torch.int64)


class Classifier(nn.Module):
    """A model of transformers as a part."""

    def __init__(self, part):
        super().__init__()
        self.part, self.head = part, nn.Linear(64, 3)

    def forward(self, ids):
        return self.head(self.part(ids)[0])


def kinds(trace):
    return [(op.kind, op.dims, op.attrs) for op in trace.ops]


@pytest.mark.parametrize(
    ("name", "kind", "config"),
    [("mistral", MistralForCausalLM, MistralConfig), ("mixtral", MixtralModel, MixtralConfig)],
)
def test_the_trace_is_that_of_the_name(name, kind, config):
    fields = SMALL | {"architectures": [kind.__name__]}
    by_name = export(
        resolve(f"transformers:{name}", parse_arguments(["input_ids=1x32:int64:100"]), json.dumps(fields))
    )
    own = ts.trace(kind(config(**SMALL)), IDS)
    assert kinds(own) == kinds(by_name)
    assert sum(op.kind == "window_attention" for op in own.ops) == 2


def test_a_part_of_a_larger_model_is_found():
    own = ts.trace(Classifier(MixtralModel(MixtralConfig(**SMALL))), IDS)
    assert [op.name for op in own.ops if op.kind == "window_attention"] == [
        f"part.layers.{layer}.self_attn.window_attention" for layer in range(2)
    ]
    assert sum(op.kind == "grouped_gemm" for op in own.ops) == 4
    assert own.ops[-1].kind == "gemm"


def test_configs_and_the_library_are_as_before():
    model = BertModel(BertConfig(**{**SMALL, "num_key_value_heads": None}))
    before = dict(vars(model.config))
    trace = ts.trace(model, IDS)
    assert [op.kind for op in trace.ops].count("attention") == 2
    assert vars(model.config) == before
    assert NAME not in ExpertsInterface._global_mapping


def test_a_class_without_the_interface_is_named():
    bloom = Workload(
        name="bloom", summary="", inputs=parse_arguments(["1x8:int64:100"]), configuration={},
        build=lambda: BloomModel(BloomConfig(n_layer=1, hidden_size=64, n_head=4, vocab_size=100)),
    )  # fmt: skip
    recorder = Recorder()
    export(Target(bloom, "", None), recorder)
    assert recorder.noted() == ["BloomModel does not use transformers' attention interface"]

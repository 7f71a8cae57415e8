"""``python -m workloads.export transformers:NAME``: what becomes of a model, and what is said about it."""

import json
import sys

import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tandemsim.traces.codec import load
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.export import export, main
from tandemsim.workloads.hugging_face.census_type import dense_macs
from tandemsim.workloads.inputs import parse_arguments
from tandemsim.workloads.parts import in_parts
from tandemsim.workloads.targets import resolve
from tests.workloads.hugging_face.small_transformers import MODELS, SIZES, sizes_of

SMALL = {key: SIZES[key] for key in ("vocab_size", "hidden_size", "intermediate_size", "num_attention_heads")}
SMALL |= {"num_hidden_layers": 2, "num_key_value_heads": 2}

USER_MODULE = """
import torch
from torch import nn

class Switched(nn.Module):
    def forward(self, image, times=1, doubled=False):
        for _ in range(times):
            image = image.relu()
        return image + image if doubled else image

class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.solver, self.other = Solver(), Solver()

    def forward(self, a):
        return self.other(self.solver(a)) + torch.special.airy_ai(a)

class Solver(nn.Module):
    def forward(self, a):
        return torch.special.bessel_j0(a)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a user's module, from which the command is run."""
    (tmp_path / "own_models.py").write_text(USER_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    return tmp_path


def exported(name, config, *inputs, decode=None):
    """Return the trace of a model of transformers."""
    return export(resolve(f"transformers:{name}", parse_arguments(inputs), json.dumps(config), decode))


def of_kind(trace, *kinds):
    return [op for op in trace.ops if op.kind in kinds]


# -- what a model becomes -----------------------------------------------------------------------------------


def test_a_sliding_window_is_a_pattern_with_grouped_keys(here, capsys):
    config = json.dumps({**SMALL, "sliding_window": 16})
    arguments = ["transformers:mistral", "--config", config, "--input", "input_ids=2x64:int64:100"]
    assert main([*arguments, "--out", "m.json"]) == 0
    assert capsys.readouterr().err.startswith("m.json: ")  # nothing is left out
    trace = load(here / "m.json")
    windows = of_kind(trace, "window_attention", "attention")
    assert [op.name for op in windows] == [f"layers.{i}.self_attn.window_attention" for i in range(2)]
    pattern = Pattern(seq_len=64, bands=((-15, 0, 1),))
    for op in windows:
        assert op.pattern == pattern
        assert (op.dim("heads"), op.dim("kv_heads"), op.dim("head_dim")) == (4, 2, 16)
        assert op.macs == 2 * 4 * (16 + 16) * (64 * 16 - 15 * 16 // 2)
    stated = trace.source.configuration
    assert (stated["architecture"], stated["inputs"]) == ("MistralModel", ["input_ids=2x64:int64"])
    assert stated["config"]["sliding_window"] == 16 and "not_modeled" not in stated
    assert stated["config_source"].startswith("the default config of mistral in transformers 5.")


def test_a_window_as_wide_as_the_text_is_causal_attention():
    trace = exported("mistral", {**SMALL, "sliding_window": 64}, "input_ids=1x64:int64:100")
    assert all(op.attrs == {"causal": True} for op in of_kind(trace, "attention"))
    assert not of_kind(trace, "window_attention")


def test_sinks_and_experts_are_operands_and_grouped_products():
    config = {**SMALL, "head_dim": 16, "sliding_window": 8, "num_local_experts": 4, "num_experts_per_tok": 2}
    trace = exported("gpt_oss", config, "input_ids=1x32:int64:100")
    (window,), (full,) = of_kind(trace, "window_attention"), of_kind(trace, "attention")
    assert window.attrs["operands"] == full.attrs["operands"] == ["sinks"]
    assert trace.tensor_map()[window.operand("sinks")].shape == (4,)
    experts = of_kind(trace, "grouped_gemm")
    assert [(op.dim("m"), op.dim("groups")) for op in experts] == [(64, 4)] * 4
    assert sum(op.macs for op in experts) == 2 * 64 * (64 * 2 * 96 + 96 * 64)


COUNTED = ("llama", "gpt_oss", "deepseek_v3", "modernbert", "t5", "clip", "whisper", "llama4_text")


@pytest.mark.parametrize("name", COUNTED)
def test_macs_are_those_that_pytorch_counts_in_a_run_by_parts(name):
    config = {**sizes_of(CONFIG_MAPPING[name]()), **MODELS[name]}
    target = resolve(f"transformers:{name}", config=json.dumps(config))
    with in_parts(), FlopCounterMode(display=False) as counter:
        parts = export(target)
    assert not of_kind(parts, "attention", "window_attention", "grouped_gemm")
    assert dense_macs(export(target)) == parts.macs == counter.get_total_flops() // 2 > 0


# -- generation ---------------------------------------------------------------------------------------------


def test_a_step_of_generation_appends_to_its_cache():
    config = {**SMALL, "head_dim": 16, "sliding_window": 8, "num_local_experts": 4}
    trace = exported("gpt_oss", config, decode="3,20")
    tensors = trace.tensor_map()
    appends = of_kind(trace, "cache_append")
    assert [(op.dim("elements"), op.dim("length")) for op in appends] == [
        (3 * 2 * 16, 3 * 2 * 16 * tokens) for tokens in (8, 8, 21, 21)
    ]
    assert all(tensors[op.inputs[0]].role == "input" for op in appends)
    attentions = of_kind(trace, "attention")
    assert [(op.dim("q_len"), op.dim("kv_len")) for op in attentions] == [(1, 8), (1, 21)]
    copies = [op.dim("elements") for op in trace.ops if op.attrs.get("function") == "concat"]
    assert max(copies) < 3 * 2 * 16 * 7  # of the new tokens: the caches are not copied
    assert all(op.dim("m") == 3 for op in of_kind(trace, "gemm"))
    assert trace.source.configuration["decode"] == {"batch": 3, "length": 20}


def test_a_step_counts_as_many_macs_as_pytorch():
    target = resolve("transformers:mistral", config=json.dumps({**SMALL, "sliding_window": 8}), decode="2,30")
    with FlopCounterMode(display=False) as counter:
        trace = export(target)
    assert trace.macs == counter.get_total_flops() // 2


def test_tensors_of_a_run_hold_grouped_keys_and_sinks(here):
    config = {**SMALL, "head_dim": 16, "sliding_window": 8, "num_local_experts": 4}
    arguments = [
        "transformers:gpt_oss",
        "--config",
        json.dumps(config),
        "--input",
        "input_ids=1x32:int64:100",
    ]
    assert main([*arguments, "--tensors", "run.npz"]) == 0
    with np.load(here / "run.npz") as arrays:
        shapes = {name.rpartition("/")[2]: arrays[name].shape for name in arrays}
    assert shapes == {"q": (1, 4, 32, 16), "k": (1, 2, 32, 16), "v": (1, 2, 32, 16), "sinks": (4,)}


# -- what is said -------------------------------------------------------------------------------------------


def test_padding_is_left_out_and_said_so(here, capsys):
    config = json.dumps({key: SMALL[key] for key in SMALL if key != "num_key_value_heads"})
    inputs = ["--input", "input_ids=1x32:int64:100", "--input", "attention_mask=1x32:int64"]
    assert main(["transformers:bert", "--config", config, *inputs, "--out", "b.json"]) == 0
    line = "padding is not modeled: every token of attention_mask counts as a real one"
    assert f"bert: {line}\n" in capsys.readouterr().err
    trace = load(here / "b.json")
    assert trace.source.configuration["not_modeled"] == [line]
    assert [op.attrs for op in of_kind(trace, "attention")] == [{}, {}]


SAM = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "window_size": 2,
}
OWN = "SamVisionModel has attention classes of its own and is traced with the default ones"
BLOOM = {"vocab_size": 100, "hidden_size": 64, "n_layer": 2, "n_head": 4}
NOT_USED = "BloomModel does not use transformers' attention interface"


@pytest.mark.parametrize(
    "name, config, line", [("sam_vision_model", SAM, OWN), ("bloom", BLOOM, NOT_USED)], ids=["own", "none"]
)
def test_a_class_with_attention_of_its_own_keeps_it(name, config, line):
    trace = exported(name, config)
    assert line in trace.source.configuration["not_modeled"]
    assert not of_kind(trace, "window_attention") and trace.macs


def test_all_that_is_missing_is_listed_in_one_run(here, capsys):
    assert main(["own_models:Unknown", "--input", "3x4", "--all-missing"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (first in ")[0].strip() for line in lines] == [
        "2  operator 'special_bessel_j0' has no kind in a trace",
        "1  operator 'special_airy_ai' has no kind in a trace",
    ]
    assert "module 'solver', own_models.py:" in lines[0]
    assert not list(here.glob("*.json"))
    assert main(["own_models:Switched", "--input", "3x4", "--all-missing"]) == 0
    assert capsys.readouterr().out == "nothing is missing\n"


def test_named_arguments_may_be_numbers_and_truth_values(here):
    arguments = ["--input", "3x4", "--input", "times=2", "--input", "doubled=true"]
    assert main(["own_models:Switched", *arguments, "--out", "s.json"]) == 0
    trace = load(here / "s.json")
    assert [op.kind for op in trace.ops] == ["act", "act", "eltwise"]
    assert trace.source.configuration["inputs"] == ["3x4:float32", "times=2", "doubled=true"]


MISTAKES = [
    (["transformers:mistrall"], "unknown preset or model type 'mistrall'; did you mean 'mistral', "),
    (
        ["transformers:mistral", "--config", '{"hiden_size": 8}'],
        "unknown field of MistralConfig 'hiden_size'; did",
    ),
    (["transformers:mistral", "--config", '{"hidden_size": "8"}'], "MistralConfig refuses these values: "),
    (["transformers:mistral", "--config", "{"], "--config must be a JSON object, or a file of one: "),
    (["transformers:mistral", "--config", "no.json"], "no.json"),
    (["transformers:mistral", "--config", '{"architectures": ["X"]}'], "unknown class of model 'X'"),
    (["transformers:mistral", "--decode", "4"], "--decode takes BATCH,CACHE_LEN, such as 4,1024, not '4'"),
    (
        ["transformers:mistral", "--decode", "4,8", "--input", "input_ids=1x8:int64"],
        "leave --input out",
    ),
    (
        ["transformers:t5", "--decode", "4,8"],
        "--decode takes a decoder alone, and T5Model has an encoder too",
    ),
    (["transformers:mistral", "--input", "ids=1x8:int64"], "running mistral failed: "),
    (["longformer", "--config", "{}"], "--config must be with a model transformers:NAME, not 'longformer'"),
    (["longformer", "--decode", "1,2"], "--decode must be with a model transformers:NAME, not 'longformer'"),
    (
        ["own_models:Switched", "--input", "a=1x2", "--input", "1x2"],
        "without a name must come before those with",
    ),
    (["own_models:Switched", "--input", "a=1", "--input", "a=2"], "an argument must be given once, not 'a'"),
    (
        ["own_models:Switched", "--input", "1a=2"],
        "the name of an --input must be that of an argument, not '1a'",
    ),
    (["own_models:Switched", "--input", "image=1xy"], "--input takes SHAPE[:TYPE[:END]]"),
]


@pytest.mark.parametrize("arguments, message", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(here, capsys, arguments, message):
    if "--config" not in arguments and arguments[0] == "transformers:mistral":
        arguments = [*arguments, "--config", json.dumps(SMALL)]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith("workloads: ") and message in printed.err
    assert not list(here.glob("*.json"))

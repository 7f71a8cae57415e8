"""``python -m workloads.export``: a user's own model works, and a mistake is one line and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.codec import load
from tandemsim.workloads.export import main
from tandemsim.workloads.inputs import parse_input
from tandemsim.workloads.targets import DATA

ROOT = Path(__file__).parents[2]

USER_MODULE = """
import torch
from torch import nn
from tandemsim.workloads.longformer import Longformer, LongformerConfig

def classifier():
    features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    return nn.Sequential(features, nn.Flatten(), nn.Linear(512, 5))

def transformer():
    return Longformer(LongformerConfig(layers=3, hidden=32, heads=2, ffn=48, window=8, seq_len=64, vocab=90))

class TwoInputs(nn.Module):
    def forward(self, image, scale):
        return image * scale

def broken():
    raise RuntimeError("no\\nweights")

def inverse():
    return nn.Sequential(Inverse())

class Inverse(nn.Module):
    def forward(self, a):
        return torch.linalg.inv(a)

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a user's module, from which the command is run."""
    (tmp_path / "user_models.py").write_text(USER_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "user_models", raising=False)
    return tmp_path


def test_a_model_of_the_users_is_exported_next_to_it(here):
    command = [sys.executable, "-m", "workloads.export", "user_models:classifier", "--input", "2x3x8x8"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    trace = load(here / "classifier.json")
    assert [op.kind for op in trace.ops] == ["conv2d", "norm", "act", "gemm"]
    assert trace.macs == 2 * 8 * 64 * 27 + 2 * 512 * 5
    assert (trace.source.model, trace.source.origin) == ("classifier", "user_models:classifier")
    assert trace.source.configuration == {"inputs": ["2x3x8x8:float32"]}


def test_a_model_may_take_several_inputs(here):
    assert main(["user_models:TwoInputs", "--input", "2x4", "--input", "4", "--out", "two.json.gz"]) == 0
    trace = load(here / "two.json.gz")
    assert [tensor.shape for tensor in trace.tensors if tensor.role == "input"] == [(2, 4), (4,)]


def test_an_input_replaces_that_of_a_named_model(here):
    assert main(["longformer", "--input", "1x1024:int64", "--out", "short.json"]) == 0
    windows = [op for op in load(here / "short.json").ops if op.kind == "window_attention"]
    assert {op.dim("seq_len") for op in windows} == {1024}


def test_the_list_names_every_checked_in_model(capsys):
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(listed) == sorted(path.stem for path in DATA.glob("*.json"))


# -- tensors ------------------------------------------------------------------------------------------------


def test_tensors_are_what_the_trace_says_the_attention_reads(here):
    arguments = ["user_models:transformer", "--input", "1x64:int64:90", "--layers", "2"]
    assert main([*arguments, "--tensors", "qkv.npz", "--out", "model.json"]) == 0
    trace = load("model.json")
    shapes = trace.tensor_map()
    windows = [op for op in trace.ops if op.kind == "window_attention"]
    with np.load("qkv.npz") as arrays:
        assert {name.rpartition("/")[0] for name in arrays} == {op.name for op in windows[:2]}
        for op in windows[:2]:
            for operand, number in zip(
                ("q", "k", "v", "global_q", "global_k", "global_v"), op.inputs, strict=True
            ):
                array = arrays[f"{op.name}/{operand}"]
                assert (array.shape, array.dtype) == (shapes[number].shape, np.float32)
                assert array.std() > 0.1


def test_the_seed_decides_the_tensors(here):
    arguments = ["user_models:transformer", "--input", "1x64:int64:90", "--tensors"]
    for name, seed in (("a.npz", "1"), ("b.npz", "1"), ("c.npz", "2")):
        assert main([*arguments, name, "--seed", seed]) == 0
    a, b, c = ((here / name).read_bytes() for name in ("a.npz", "b.npz", "c.npz"))
    assert a == b != c
    assert not (here / "transformer.json").exists()


# -- mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["longformr"], "unknown model 'longformr'; did you mean 'longformer'"),
        ([], "a model is missing; known: longformer, "),
        (
            ["user_models:classifer", "--input", "1x2"],
            "unknown callable of user_models 'classifer'; did you mean 'classifier'",
        ),
        (["user_models:number", "--input", "1x2"], "unknown callable of user_models 'number'"),
        (["no_such_module:x", "--input", "1x2"], "importing no_such_module failed: ModuleNotFoundError"),
        (["user_models:classifier"], "user_models:classifier needs an --input for each argument"),
        (["user_models:classifier", "--input", "1xa"], "--input takes SHAPE[:TYPE[:END]]"),
        (["user_models:classifier", "--input", "1x0"], "an input's lengths must be positive, not [1, 0]"),
        (
            ["user_models:classifier", "--input", "1x2:int46"],
            "unknown type of input 'int46'; did you mean 'int64'",
        ),
        (["user_models:classifier", "--input", "1x5x8x8"], "running classifier failed: RuntimeError: "),
        (["user_models:broken", "--input", "1"], "building broken failed: RuntimeError: no weights"),
        (["user_models:print", "--input", "1"], "unknown callable of user_models 'print'"),
        (["torch:zeros", "--input", "1"], "building zeros failed: "),
        (["torch:get_num_threads", "--input", "1"], "get_num_threads must return a torch.nn.Module, not int"),
        (
            ["user_models:inverse", "--input", "4x4"],
            "operator 'linalg_inv_ex' has no kind in a trace (in module '0', user_models.py:25)",
        ),
        (
            ["longformer", "--input", "1x5000:int64"],
            "Longformer input must have at most 4096 tokens, not 5000",
        ),
        (
            ["user_models:classifier", "--input", "1x3x8x8", "--out", "no/such/folder.json"],
            "no/such/folder.json",
        ),
        (
            ["user_models:classifier", "--input", "1x3x8x8", "--tensors", "a.npz"],
            "--tensors needs a model with window",
        ),
        (["vil-tiny", "--layers", "0"], "argument --layers: must be a positive integer or all, not '0'"),
        (["vil-tiny", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["vil-tiny", "--ot", "x"], "unrecognized arguments: --ot"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(here, capsys, arguments, message):
    before = sorted(here.rglob("*.json")) + sorted(here.rglob("*.npz"))
    try:
        code = main(arguments)
    except SystemExit as stopped:  # argparse leaves this way
        code = stopped.code
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert printed.err.startswith("workloads: ")
    assert message in printed.err
    assert sorted(here.rglob("*.json")) + sorted(here.rglob("*.npz")) == before


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(
        option in printed for option in ("--input", "--out", "--tensors", "--layers", "--seed", "--list")
    )


# -- inputs -------------------------------------------------------------------------------------------------


def test_random_whole_numbers_stay_below_the_given_end():
    values = parse_input("50x50:int64:7").random(torch.Generator().manual_seed(0))
    assert (values.dtype, int(values.min()), int(values.max())) == (torch.int64, 0, 6)


def test_an_input_without_a_type_holds_floats():
    values = parse_input("40x50").random(torch.Generator().manual_seed(0))
    assert (values.shape, values.dtype) == ((40, 50), torch.float32)
    assert 0.9 < float(values.std()) < 1.1


def test_an_empty_range_is_refused():
    with pytest.raises(ConfigError, match="an input's range must end above 0, not 0"):
        parse_input("4:int64:0")

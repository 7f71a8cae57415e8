"""Layers of PyTorch modules, their inputs, and modules that round: against PyTorch's own arithmetic."""

import numpy as np
import pytest
import torch
from torch import nn

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.quantize.candidates import CANDIDATES
from tandemsim.sim.quantize.rule import Rule, named
from tandemsim.traces.codec import load
from tandemsim.workloads.modules import trace_module
from tandemsim.workloads.quantize.__main__ import main
from tandemsim.workloads.quantize.annotate import annotated
from tandemsim.workloads.quantize.fake import quantized
from tandemsim.workloads.quantize.modules import read_module
from tandemsim.workloads.quantize.quantizing import quantize_model


class Block(nn.Module):
    """A residual block, attention, a layer that runs twice, and one that does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.twice = nn.Linear(8, 8)
        self.unused = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = torch.relu(self.stem(image)).flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens)[0]
        return self.norm(self.twice(torch.relu(self.twice(tokens))))


@pytest.fixture
def block():
    torch.manual_seed(0)
    return Block().eval(), torch.randn(2, 3, 4, 4)


def read(module, *inputs):
    shapes = ["x".join(map(str, given.shape)) for given in inputs]
    return read_module(module, inputs, {}, "net", lambda: trace_module(module, shapes, "net"))


def test_layers_come_in_the_order_in_which_they_run(block):
    module, image = block
    model = read(module, image)
    names = [layer.name for layer in model.layers]
    assert names == ["stem", "attention.in_proj", "twice", "attention.out_proj", "unused"]
    assert model.notes == ["not run, so without an input: attention.out_proj, unused"]
    assert model.layers[1].weight_name == "attention.in_proj_weight"
    assert {"stem.bias", "norm.weight", "attention.in_proj_bias"} <= set(model.left)


def test_the_input_of_a_layer_is_that_of_its_first_call(block):
    module, image = block
    stem, attention, twice, *_ = read(module, image).layers
    assert np.array_equal(stem.activation, image.numpy()) and stem.channels == 1
    tokens = torch.relu(module.stem(image)).flatten(2).transpose(1, 2)
    assert np.allclose(attention.activation, tokens.detach(), atol=1e-6)
    summed = tokens + module.attention(tokens, tokens, tokens)[0]
    assert np.allclose(twice.activation, summed.detach(), atol=1e-5)


def test_a_shared_weight_is_one_layer():
    one, other = nn.Linear(4, 4), nn.Linear(4, 4)
    other.weight = one.weight
    model = read(nn.Sequential(one, other), torch.randn(2, 4))
    assert [layer.name for layer in model.layers] == ["0"]


@pytest.mark.parametrize("name", ["flint4", "int8", "mxfp4", "nvfp4"])
def test_a_rounded_module_computes_with_the_quantized_tensors(name):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 5)).double().eval()
    image = torch.rand(4, 3, 4, 4, dtype=torch.float64)
    plain = module(image).detach()
    layers = quantize_model(read(module, image), Rule(form=named(name)))
    weights = [torch.from_numpy(each.weight.values.copy()) for each in layers]
    inner = torch.from_numpy(layers[0].activation.values.copy())
    hidden = torch.relu(nn.functional.conv2d(inner, weights[0], module[0].bias)).flatten(1)
    with quantized(module, layers):
        seen = []
        hook = module[3].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        result = module(image)
        hook.remove()
        wanted = nn.functional.linear(seen[0], weights[1], module[3].bias)
    assert torch.allclose(result, wanted, rtol=1e-12, atol=1e-12)
    # what the second layer is given is the first one's result, rounded: by at most what its format does
    assert (seen[0] - hidden).square().mean() <= 4 * layers[1].activation.mse + 1e-6 * hidden.square().mean()
    assert not torch.equal(result, plain)
    assert torch.equal(module(image), plain)  # and afterwards it is as it was


def test_gradients_pass_roundings():
    torch.manual_seed(0)
    layer, given = nn.Linear(6, 4), torch.randn(8, 6, requires_grad=True)
    layers = quantize_model(read(layer, given), Rule())
    factors = torch.randn(8, 4)
    with quantized(layer, layers):
        (layer(given) * factors).sum().backward()
        gradient = layer.parametrizations.weight.original.grad.clone()
    inner, weight = (torch.from_numpy(t.values).float() for t in (layers[0].activation, layers[0].weight))
    assert torch.allclose(gradient, factors.T @ inner, atol=1e-5)
    assert torch.allclose(given.grad, factors @ weight, atol=1e-5)


def test_the_trace_of_a_module_states_weights_and_inputs(block):
    module, image = block
    model = read(module, image)
    layers = quantize_model(model, Rule(kinds=CANDIDATES["Int"]))
    trace, arrays, missing = annotated(model.trace(), layers, {})
    tensors = trace.tensor_map()
    for op in trace.ops:
        if op.name in ("stem", "twice", "attention.in_proj") and op.kind in ("gemm", "conv2d"):
            assert tensors[op.inputs[0]].quant.bits == tensors[op.inputs[1]].quant.bits == 4
    weights = {t.name: t for t in trace.tensors if t.role == "weight" and t.name}
    assert weights["stem.weight"].quant.axis == 0 and arrays["stem.weight/scales"].shape == (8,)
    assert weights["norm.weight"].quant is None
    assert "unused.weight" in missing
    assert trace.macs == model.trace().macs


MODULE = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))

def broken():
    module = build()
    with torch.no_grad():
        module[2].weight[1, 2] = float("nan")
    return module

def empty():
    return nn.ReLU()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "quantized_nets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_of_the_user(own, capsys):
    assert main(["quantized_nets:build", "--input", "32x16", "--out", "out"]) == 0
    trace = load(own / "out" / "trace.json")
    assert [op.kind for op in trace.ops] == ["gemm", "act", "gemm"]
    given = [trace.tensor_map()[op.inputs[0]] for op in trace.ops]
    assert [tensor.quant.signed for tensor in (given[0], given[2])] == [True, False]
    assert "activations are those of random inputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["quantized_nets:broken", "--input", "2x16"],
            r"tensor '2.weight' must be finite, and holds NaN at [1, 2]",
        ),
        (["quantized_nets:build", "--input", "2x15"], "running build failed: RuntimeError: "),
        (["quantized_nets:build"], "quantized_nets:build needs an --input for each argument"),
        (
            ["quantized_nets:empty", "--input", "2x16"],
            "empty must have something to quantize: a linear layer",
        ),
        (
            ["quantized_nets:bild", "--input", "2x16"],
            "unknown callable of quantized_nets 'bild'; did you mean 'build'",
        ),
    ],
)
def test_mistakes_with_modules_are_one_line(own, arguments, message, capsys):
    assert main([*arguments, "--out", "out"]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith(f"workloads: {message}") and streams.err.count("\n") == 1
    assert not (own / "out").exists()


def test_a_tensor_without_values_is_refused():
    with torch.device("meta"):
        module = nn.Linear(4, 4)
    with pytest.raises(ConfigError, match="tensor 'weight' has no values, as it is on the `meta` device"):
        read_module(module, [torch.empty(2, 4, device="meta")], {}, "net", lambda: None)

"""`tandemsim.trace`: a module that is there as an object becomes the trace that the exporter writes of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import tandemsim as ts
from tandemsim.traces import codec
from tandemsim.workloads import vil
from tandemsim.workloads.vil import ViL


class Tied(nn.Module):
    """One matrix twice, a buffer, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False)
        self.second = nn.Linear(8, 8, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.ones(8))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.second(self.first(x)) * self.scale)


def test_the_trace_of_a_registered_model_has_the_ops_and_tensors_of_the_checked_in_one() -> None:
    exported = ts.load_trace("vil-tiny")
    traced = ts.trace(ViL(vil.TINY), torch.zeros(1, 3, 224, 224), name="vil-tiny")
    assert (traced.ops, traced.tensors) == (exported.ops, exported.tensors)
    own, stored = ts.run(traced).report.as_dict(), ts.run("vil-tiny").report.as_dict()
    assert own | {"trace_digest": ""} == stored | {"trace_digest": ""}


def test_a_shape_is_as_good_as_a_tensor() -> None:
    module = nn.Sequential(nn.Embedding(100, 16), nn.Linear(16, 4))
    tokens = torch.zeros((2, 7), dtype=torch.int64)
    assert ts.trace(module, tokens) == ts.trace(module, "2x7:int64")
    assert [op.kind for op in ts.trace(module, tokens).ops] == ["gather", "gemm"]


def test_the_module_is_left_as_it_is() -> None:
    module = Tied().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    ts.trace(module, torch.zeros(3, 8))
    assert module.training and module.dropout.training
    assert module.second.weight is module.first.weight
    assert {name: value.device.type for name, value in module.state_dict().items()} == dict.fromkeys(
        before, "cpu"
    )
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_shared_weight_is_one_tensor_and_dropout_is_not_run() -> None:
    trace = ts.trace(Tied(), torch.zeros(3, 8))
    assert [op.kind for op in trace.ops] == ["gemm", "gemm", "eltwise"]
    owned = [tensor for tensor in trace.tensors if tensor.role == "weight" and tensor.alias_of is None]
    assert [tensor.shape for tensor in owned] == [
        (8, 8),
        (8,),
    ]


def test_the_trace_can_be_saved_and_read_again(tmp_path) -> None:
    trace = ts.trace(Tied(), torch.zeros(3, 8))
    codec.save(trace, tmp_path / "tied.json")
    assert ts.load_trace(tmp_path / "tied.json") == trace
    assert trace.source.model == "Tied" and trace.source.configuration == {"inputs": ["3x8:float32"]}


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.zeros(5, 5)


@pytest.mark.parametrize(
    "module, inputs, kind, message",
    [
        ("vil-tiny", (), TypeError, "module must be a torch.nn.Module, not 'vil-tiny'"),
        (Tied(), (3,), TypeError, "an input must be a tensor or a shape such as '1x128:int64', not 3"),
        (Tied(), ("3 by 8",), ts.ConfigError, r"--input takes SHAPE\[:TYPE\[:END\]\]"),
        (Failing(), ("3x8",), ts.ConfigError, "running Failing failed: RuntimeError: "),
    ],
)
def test_what_cannot_be_traced_is_said_in_one_line(module, inputs, kind, message) -> None:
    with pytest.raises(kind, match=f"^{message}") as found:
        ts.trace(module, *inputs)
    assert "\n" not in str(found.value)

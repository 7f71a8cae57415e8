"""Models exported to ONNX by torch, read back, against the traces of the modules themselves.

The files lie in tests/workloads/exported; `exported_models` made them, and says how.
"""

from __future__ import annotations

import functools

import pytest
import torch

from tandemsim.traces.schema import Op, Trace
from tandemsim.workloads.inputs import parse_input
from tandemsim.workloads.modules import traced
from tandemsim.workloads.onnx.model import import_file
from tests.workloads.exported_models import HERE, MODELS


@functools.cache
def of_file(name: str) -> Trace:
    return import_file(HERE / f"{name}.onnx")


@functools.cache
def of_module(name: str) -> Trace:
    build, inputs, _ = MODELS[name]
    with torch.device("meta"):
        module = build().eval()
    return traced(module, [parse_input(text).meta() for text in inputs], name, {})


def dense(op: Op) -> int:
    """The MACs of an op, an attention's over all pairs: in one of the two traces its window may be a mask."""
    if op.kind != "window_attention":
        return op.macs
    pattern = op.pattern
    assert pattern is not None
    return op.macs // pattern.pairs() * pattern.q_len * pattern.seq_len


def test_there_is_a_file_of_each_model() -> None:
    assert sorted(path.stem for path in HERE.glob("*.onnx")) == sorted(MODELS)
    assert len(MODELS) >= 15


@pytest.mark.parametrize("name", MODELS)
def test_macs_are_those_of_the_module(name: str) -> None:
    assert sum(map(dense, of_file(name).ops)) == sum(map(dense, of_module(name).ops))


@pytest.mark.parametrize("name", MODELS)
def test_convolutions_are_those_of_the_module(name: str) -> None:
    """Each with its MACs: padding and groups too are read as the exporter wrote them."""
    file, module = (
        sorted((op.kind, op.macs) for op in trace.ops if op.kind.startswith("conv"))
        for trace in (of_file(name), of_module(name))
    )
    assert file == module


@pytest.mark.parametrize(
    "name, bands", [("mistral", [[-7, 0, 1]]), ("modernbert", [[-4, 4, 1]]), ("banded", [[-5, 5, 1]])]
)
def test_a_window_is_read_from_the_file(name: str, bands: list[list[int]]) -> None:
    windows = [op for op in of_file(name).ops if op.kind == "window_attention"]
    assert windows
    assert all(op.attrs["bands"] == bands for op in windows)


@pytest.mark.parametrize("name", ["llama", "llama_opset23", "mistral"])
def test_keys_that_the_exporter_repeats_are_grouped_again(name: str) -> None:
    trace = of_file(name)
    assert {op.dims.get("kv_heads") for op in trace.ops if "attention" in op.kind} == {2}
    assert not [op for op in trace.ops if op.attrs.get("function") == "copy"]


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "t5_encoder", "vit", "swin"])
def test_every_attention_is_one_op(name: str) -> None:
    kinds = [op.kind for op in of_file(name).ops]
    assert "softmax" not in kinds
    assert kinds.count("attention") in (2, 4)


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_ops_are_named_by_the_modules(name: str) -> None:
    """The products of a file bear the names that the tracer gives them, behind the wrapper's."""
    file, module = (
        {op.name for op in trace.ops if op.kind in ("gemm", "conv2d") and "." in op.name}
        for trace in (of_file(name), of_module(name))
    )
    owners = {owner.rpartition(".")[0] for owner in file} | file
    assert len(module & owners) >= len(module) * 3 // 4

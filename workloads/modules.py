"""The trace of a PyTorch module, for the exporter and for `tandemsim.trace`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.bias import CausalBias

from tandemsim.sim.arch.checks import shown
from tandemsim.traces.schema import Source, Trace
from tandemsim.workloads.buffers import without_values
from tandemsim.workloads.inputs import Argument, Arguments, parse_input
from tandemsim.workloads.recipes import Recipes
from tandemsim.workloads.recorder import Recorder
from tandemsim.workloads.steps import assemble
from tandemsim.workloads.tracer import run

EXPORTER = "workloads.export"
VERSION = "1"  # raised whenever the same model gives another trace


def trace_module(
    module: object,
    inputs: Sequence[object],
    name: str | None = None,
    named: Mapping[str, Argument] | None = None,
) -> Trace:
    """Return the trace of ``module(*inputs, **named)`` in inference, leaving `module` as it is.

    An input is a tensor, of which shape and type count, or a shape as ``--input`` takes it. `name` is the
    model's; None: its class. Raises `ConfigError` for what a trace cannot say, `TypeError` for arguments of
    other types.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, not {shown(module)}")
    on_meta = [_on_meta(value) for value in inputs]
    stated = [f"{'x'.join(map(str, t.shape))}:{str(t.dtype).removeprefix('torch.')}" for t in on_meta]
    called = type(module).__name__ if name is None else name
    arguments, recorder = Arguments(named=named or {}), Recorder()
    stated += arguments.lines()
    copied = _without_values(module, recorder.recipes)
    keywords = arguments.meta()[1]
    return traced(copied, on_meta, called, {"inputs": stated}, named=keywords, recorder=recorder)


def _on_meta(value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, str):
        return parse_input(value).meta()
    raise TypeError(f"an input must be a tensor or a shape such as '1x128:int64', not {shown(value)}")


def traced(
    module: nn.Module,
    inputs: Sequence[Tensor],
    name: str,
    configuration: Mapping[str, Any],
    origin: str = "",
    *,
    named: Mapping[str, Any] | None = None,
    recorder: Recorder | None = None,
) -> Trace:
    """Return the trace of ``module(*inputs, **named)``, all on the `meta` device. Raises `ConfigError`.

    What the `recorder` notes is in the configuration of the source too, as `not_modeled`.
    """
    recorder = recorder or Recorder()
    returned = run(recorder, module, inputs, named or {}, name)
    source = Source(
        model=name,
        configuration={**configuration, **recorder.notes.configuration()},
        exporter=f"{EXPORTER}, torch {torch.__version__.partition('+')[0]}",
        exporter_version=VERSION,
        origin=origin,
    )
    return assemble(source, recorder.steps, recorder.tensors.records, returned)


def _without_values(module: nn.Module, recipes: Recipes) -> nn.Module:
    """Return a copy in inference whose parameters have shapes and no values; those of buffers are kept."""
    held: dict[int, Any] = {}
    for parameter in module.parameters():
        held[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    for buffer in module.buffers():
        held[id(buffer)] = without_values(buffer, recipes)
    for part in module.modules():  # its biases cannot be copied, and need not be
        held |= {id(value): value for value in vars(part).values() if isinstance(value, CausalBias)}
    return copy.deepcopy(module, held).eval()  # a copy takes what is in `held` for copied already

"""Runs a PyTorch module on the `meta` device and writes down what it computes as a trace.

A `TorchDispatchMode` sees every operator that PyTorch calls, after composite ones are taken apart, with
shapes but no values. Rules, those of the trace format (`traces/schema.py`, `traces/kinds.py`):

* views are aliases, not ops; what a model computes from parameters and constants alone, without matrix
  products or look-ups, is a constant of the trace (a compiler folds it too), not an op;
* an op is named by the module that calls it, with the function appended where that module calls several;
* an operator that `workloads.operators` does not know is an error, never dropped, and so is a question for a
  value that depends on an input.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.traces.schema import Source, Trace
from tandemsim.workloads import flex
from tandemsim.workloads.buffers import FromNumbers
from tandemsim.workloads.causal_bias import causal_bias_made
from tandemsim.workloads.fused import FusedAttention
from tandemsim.workloads.hugging_face.held import held_models
from tandemsim.workloads.location import Names
from tandemsim.workloads.masked import Masked
from tandemsim.workloads.recorder import Missing, Recorder
from tandemsim.workloads.steps import assemble

#: Characters of another library's message that are shown.
MAX_QUOTED = 240


def trace(
    module: nn.Module,
    inputs: Sequence[Any],
    source: Source,
    *,
    named: Mapping[str, Any] | None = None,
    recorder: Recorder | None = None,
) -> Trace:
    """Return the trace of ``module(*inputs, **named)``; all tensors must be on the `meta` device.

    `recorder` is one of the caller's, which knows afterwards what the trace does not say (`Recorder.noted`).
    Raises `ConfigError` for an operator, or a use of one, that a trace cannot say, and for whatever else the
    model raises; it names the module that runs and the line of its code.
    """
    recorder = recorder or Recorder()
    outputs = run(recorder, module, inputs, named or {}, source.model)
    return assemble(source, recorder.steps, recorder.tensors.records, outputs)


def missing(
    module: nn.Module,
    inputs: Sequence[Any],
    *,
    named: Mapping[str, Any] | None = None,
    recorder: Recorder | None = None,
) -> list[Missing]:
    """Return everything in ``module(*inputs, **named)`` that a trace cannot say, most frequent first.

    A value that is asked for is made up, so that the run goes on; what stops it nevertheless comes last. A
    `recorder` of the caller's must collect.
    """
    recorder = recorder or Recorder(collect=True)
    try:
        run(recorder, module, inputs, named or {}, type(module).__name__)
    except ConfigError as error:
        return [*recorder.missing(), Missing(str(error), 1, "")]
    return recorder.missing()


def run(
    recorder: Recorder, module: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any], model: str
) -> list[int]:
    """Run the module under the recorder; return the numbers of the tensors that it returns."""
    tensors = recorder.tensors
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        tensors.add_constant(tensor, name)
    for leaf in tree_leaves((tuple(inputs), dict(named))):
        if isinstance(leaf, Tensor):
            tensors.add_input(leaf)
    masked = Masked(recorder)
    recorder.recipes.begin()
    recorder.names = Names(module)
    recorder.higher_order["flex_attention"] = lambda args: flex.flex_attention(masked, args)
    with _owners(recorder, module), _libraries(recorder, module):
        numbers, fused = FromNumbers(recorder.recipes), FusedAttention(recorder, masked)
        try:
            with torch.no_grad(), torch.device("meta"), numbers, fused, recorder:
                returned = module(*inputs, **named)
            leaves = tree_leaves(returned)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the user's code may raise anything
            raise _located(error, recorder.names, model) from error
    return tensors.mark_outputs(leaf for leaf in leaves if isinstance(leaf, Tensor))


def _located(error: BaseException, names: Names, model: str) -> ConfigError:
    """Return an error of the run in one line, with the module and the line of code that it comes from."""
    text = str(error)
    if not isinstance(error, UserError):  # PyTorch's texts run over pages
        said = textwrap.shorten(text, MAX_QUOTED, placeholder=" ...")
        text = f"running {model} failed: {type(error).__name__}: {said}"
    return ConfigError(f"{text} (in {names.of(error)})")


@contextmanager
def _libraries(recorder: Recorder, module: nn.Module) -> Iterator[None]:
    """Let what libraries compute in ways of their own reach the recorder."""
    with flex.on_meta(module), causal_bias_made(), held_models(module, recorder.note):
        yield


@contextmanager
def _owners(recorder: Recorder, module: nn.Module) -> Iterator[None]:
    """Keep track of the submodule that is running."""
    hooks = []
    for name, child in module.named_modules():
        if isinstance(child, torch.jit.ScriptModule):
            what = f"module {name!r}" if name else "the model"
            raise ConfigError(f"{what} is a TorchScript module: trace the module that it was scripted from")
        hooks.append(child.register_forward_pre_hook(lambda _m, _i, name=name: recorder.enter(name)))
        hooks.append(child.register_forward_hook(lambda _m, _i, _o: recorder.leave(), always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

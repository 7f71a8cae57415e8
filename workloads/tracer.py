"""Runs a PyTorch module on the `meta` device and writes down what it computes as a trace.

A `TorchDispatchMode` sees every operator that PyTorch calls, after composite ones are taken apart, with
shapes but no values. Rules, those of the trace format (`traces/schema.py`, `traces/kinds.py`):

* views are aliases, not ops; what a model computes from parameters and constants alone, without matrix
  products or look-ups, is a constant of the trace (a compiler folds it too), not an op;
* an op is named by the module that calls it, with the function appended where that module calls several;
* an operator that `workloads.operators` does not know is an error, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Source, Trace
from tandemsim.workloads.operators import Call, Lowered, lower
from tandemsim.workloads.fused import FusedAttention
from tandemsim.workloads.recipes import Recipes
from tandemsim.workloads.steps import Step, assemble, label
from tandemsim.workloads.tensors import TensorTable

#: Operators that return their input, or a view of it, without saying so in their schema.
VIEWS = {"_unsafe_view", "_reshape_alias", "lift_fresh", "unsafe_split", "unsafe_split_with_sizes"}

#: Operators that make a tensor from nothing but its shape.
FACTORIES = {
    *("empty", "empty_strided", "zeros", "ones", "full", "arange", "linspace", "eye", "scalar_tensor"),
    *("new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full"),
    *("empty_like", "zeros_like", "ones_like", "full_like"),
}

#: Kinds that are folded when all their operands are constants. Matrix products stay, so that no MAC is lost,
#: and so do look-ups, so that an embedding's table is counted and not the rows it yields.
FOLDED = {"eltwise", "reduce"}


def trace(module: nn.Module, inputs: Sequence[Tensor], source: Source) -> Trace:
    """Return the trace of ``module(*inputs)``; both must be on the `meta` device.

    Raises `ConfigError` for an operator, or a use of one, that a trace cannot say, naming the module that
    calls it.
    """
    recorder = _Recorder()
    tensors = recorder.tensors
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        tensors.add_constant(tensor, name)
    for tensor in inputs:
        tensors.add_input(tensor)
    with torch.no_grad(), torch.device("meta"), recorder.owners(module), FusedAttention(), recorder:
        returned = module(*inputs)
    outputs = tensors.mark_outputs(leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor))
    return assemble(source, recorder.steps, tensors.records, outputs)


class _Recorder(TorchDispatchMode):
    """Turns each operator call into a step, an alias or a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors = TensorTable()
        self.steps: list[Step] = []
        self._recipes = Recipes()
        self._owners = [""]

    @contextmanager
    def owners(self, module: nn.Module) -> Iterator[None]:
        """Keep track of the submodule that is running."""
        hooks = []
        for name, child in module.named_modules():
            hooks.append(child.register_forward_pre_hook(lambda _m, _i, name=name: self._owners.append(name)))
            hooks.append(child.register_forward_hook(lambda _m, _i, _o: self._leave(), always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _leave(self) -> None:
        self._owners.pop()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name, kwargs = _bare_name(func), kwargs or {}
        if name == "_local_scalar_dense":
            return self._value(args[0])
        result = func(*args, **kwargs)
        if func._schema.is_mutable and not func._schema.returns:
            raise self._unknown(name)  # it writes to tensors that it does not return
        self._recipes.note(func, args, kwargs, result)
        outputs = _tensors(result)
        if outputs and not _is_view(func, name):
            if name in FACTORIES:
                self._constants(outputs, name)
            else:
                self._record(Call(name, _bound(func, args, kwargs), _tensors((args, kwargs)), outputs))
        return result

    def _value(self, tensor: Tensor) -> Any:
        """Return the value of a scalar that the model asks for, if it follows from shapes."""
        value = self._recipes.value(tensor)
        if value is None:
            raise ConfigError(f"{self._where()} asks for a tensor's value, and a trace knows only shapes")
        return value.item()

    def _record(self, call: Call) -> None:
        lowered = self._lowered(call)
        inputs = [self.tensors.number(tensor) for tensor in lowered.inputs]
        if lowered.kind in FOLDED and all(self.tensors.is_constant(tensor) for tensor in call.inputs):
            self._constants(lowered.outputs, lowered.function)
            return
        base = self.tensors.partly_written(lowered.outputs[0])
        if base is not None:
            lowered = self._scattered(lowered, base)
            inputs = [self.tensors.number(base), *inputs]
        outputs = [self.tensors.add_result(tensor) for tensor in lowered.outputs]
        self.steps.append(Step(self._owners[-1], lowered, inputs, outputs))

    def _lowered(self, call: Call) -> Lowered:
        try:
            lowered = lower(call)
        except ConfigError as error:
            raise ConfigError(f"{error} (in {self._where()})") from None
        if lowered is None:
            raise self._unknown(call.name)
        return lowered

    def _unknown(self, name: str) -> ConfigError:
        return ConfigError(f"operator {name!r}, called by {self._where()}, has no kind in a trace")

    def _scattered(self, lowered: Lowered, base: Tensor) -> Lowered:
        """Return a write to a part of `base` as a scatter into the whole."""
        if "elements" not in lowered.dims:
            raise ConfigError(f"{lowered.function} must not write to a part of a tensor (in {self._where()})")
        attrs = {**lowered.attrs, "written": lowered.dims["elements"]}
        return replace(lowered, kind="scatter", dims={"elements": base.numel()}, attrs=attrs)

    def _constants(self, tensors: Sequence[Tensor], function: str) -> None:
        for tensor in tensors:
            self.tensors.add_constant(tensor, label(self._owners[-1], function))

    def _where(self) -> str:
        return f"module {self._owners[-1]!r}" if self._owners[-1] else "the model itself"


def _tensors(values: Any) -> list[Tensor]:
    """Return the tensors in a nest of values, without empty ones, which hold nothing."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.numel()]


def _bare_name(func: OpOverload) -> str:
    """Return the operator's name without namespace, overload and the underscore of an in-place variant."""
    name = func._schema.name.rpartition("::")[2]
    return name.removesuffix("_")


def _is_view(func: OpOverload, name: str) -> bool:
    aliases = [value.alias_info for value in func._schema.returns]
    says_so = any(alias is not None and not alias.is_write for alias in aliases)
    return says_so or name in VIEWS or torch.Tag.inplace_view in func.tags


def _bound(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included."""
    arguments = func._schema.arguments
    values = {argument.name: argument.default_value for argument in arguments}
    values.update(zip((argument.name for argument in arguments), args, strict=False))
    values.update(kwargs)
    return values

"""Writes down each operator that runs while it is entered: as a step, an alias or a constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator, OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.limits import MAX_OPS
from tandemsim.traces.schema import Op
from tandemsim.traces.shapes import check_shapes
from tandemsim.workloads.calls import (
    FACTORIES,
    RANDOM,
    bare_name,
    bound,
    depends_on_values,
    is_view,
    tensors_of,
)
from tandemsim.workloads.location import Names
from tandemsim.workloads.notes import Notes
from tandemsim.workloads.operators import Call, Lowered, lower, simpler
from tandemsim.workloads.recipes import Recipes
from tandemsim.workloads.steps import Step, label, too_many
from tandemsim.workloads.tensors import TensorTable

#: Kinds that are folded when all their operands are constants. Matrix products stay, so that no MAC is lost,
#: and so do look-ups, so that an embedding's table is counted and not the rows it yields.
FOLDED = {"eltwise", "reduce"}

#: Kinds that are folded when all their operands follow from shapes alone, as tables of positions do.
PLACED = {"act", "gather", "pool", "scatter", "softmax", "topk"}


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a trace cannot say: in one line, how often it was met, and where first."""

    what: str
    count: int
    place: str


class Recorder(TorchDispatchMode):
    """Turns each operator call into a step, an alias or a constant.

    With `collect`, what a trace cannot say is counted and the run goes on; see `missing`.
    """

    supports_higher_order_operators = True

    def __init__(self, *, collect: bool = False) -> None:
        super().__init__()
        self.tensors = TensorTable()
        self.recipes = Recipes()
        self.steps: list[Step] = []
        self.names = Names()
        self.notes = Notes()
        self.higher_order: dict[str, Callable[[tuple[Any, ...]], Any]] = {}  # operators that run functions
        self._owners = [""]
        self._forward: dict[int, str] = {}  # owners, by autograd's numbers
        self._collect = collect
        self._missing: dict[str, Missing] = {}

    def enter(self, owner: str) -> None:
        """Name the submodule that runs from here on."""
        self._owners.append(owner)

    def leave(self) -> None:
        """End the submodule that was entered last."""
        self._owners.pop()

    def _owner(self) -> str:
        """Return the submodule that runs; of an operator of the backward pass, the one that it belongs to.

        Autograd numbers what it will run backward when the forward operator is called.
        """
        node = torch._C._current_autograd_node()
        if node is not None:
            return label(self._forward.get(node._sequence_nr(), ""), "backward")
        if torch.is_grad_enabled():
            self._forward[torch.autograd._get_sequence_nr() - 1] = self._owners[-1]
        return self._owners[-1]

    def note(self, line: str) -> None:
        """Count a line about something that is computed and that the trace does not say."""
        self.notes.add(line)

    def noted(self) -> list[str]:
        """Return the lines, with how often each came up if more than once."""
        return self.notes.lines()

    def value(self, tensor: Tensor) -> Tensor | None:
        """Return the tensor's value on the CPU, None if it depends on an input, a weight or chance."""
        return self.recipes.value(tensor)

    def constant(self, value: Tensor) -> Tensor:
        """Return a tensor without values that stands for one that is known."""
        tensor = torch.empty_like(value, device="meta")
        self.recipes.define(tensor, value)
        return tensor

    def missing(self) -> list[Missing]:
        """Return what was collected, most frequent first."""
        return sorted(self._missing.values(), key=lambda item: -item.count)

    def __torch_dispatch__(
        self,
        func: OpOverload | HigherOrderOperator,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if isinstance(func, HigherOrderOperator):
            if func.name() in self.higher_order:
                with self:
                    return self.higher_order[func.name()](args)
            raise ConfigError(f"operator {func.name()!r} has no kind in a trace: it runs code of its own")
        name = bare_name(func)
        instead = simpler(name, args, kwargs)
        if instead is not None:
            with self:
                return instead()
        try:
            result = func(*args, **kwargs)
        except Exception:
            if not depends_on_values(func):
                raise
            return self._from_values(func, name, args, kwargs)
        self.recipes.note(func, args, kwargs, result)
        if func._schema.is_mutable and not func._schema.returns:
            self._fail(_unknown(name))  # it writes to tensors that it does not return
        inputs, outputs = tensors_of((args, kwargs)), tensors_of(result)
        if name in FACTORIES:
            self._constants(outputs, name)
        elif name in RANDOM and (not inputs or name.endswith("_like") or func._schema.is_mutable):
            self.note("random numbers that the model draws count as given")
            self._constants(outputs, name)
        elif is_view(func, name):
            for tensor in outputs:
                if inputs and tensor.dtype != inputs[0].dtype:
                    self._record(Call("copy_as", {}, inputs[:1], [tensor]))
        elif outputs:
            self._record(Call(name, bound(func, args, kwargs), inputs, outputs))
        return result

    def _from_values(
        self, func: OpOverload, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Return the result of an operator that looks at values, where these follow from shapes."""
        known = self.recipes.run(func, args, kwargs)
        if known is not None:
            return tree_map(lambda leaf: self.constant(leaf) if isinstance(leaf, Tensor) else leaf, known)
        if name in ("_local_scalar_dense", "equal"):
            self._fail("the model asks for a tensor's value, and a trace knows only shapes")
            return True if name == "equal" else torch.ones((), dtype=args[0].dtype, device="cpu").item()
        raise ConfigError(
            f"operator {name!r} gives a tensor whose shape depends on values, and a trace knows only shapes"
        )

    def _record(self, call: Call) -> None:
        try:
            lowered = lower(call)
        except ConfigError as error:
            lowered = None
            self._fail(str(error))
        else:
            if lowered is None:
                self._fail(_unknown(call.name))
        if lowered is not None:
            self._enter(call, lowered)

    def _enter(self, call: Call, lowered: Lowered) -> None:
        try:
            inputs = [self.tensors.number(tensor) for tensor in lowered.inputs]
            if self._is_folded(call, lowered):
                self._constants(lowered.outputs, lowered.function)
                return
            base = self.tensors.partly_written(lowered.outputs[0])
            if base is not None:
                lowered = _scattered(lowered, base)
                inputs = [self.tensors.number(base), *inputs]
            outputs = [self.tensors.add_result(tensor) for tensor in lowered.outputs]
            self._check(lowered, inputs, outputs)
        except (ConfigError, TraceError) as error:
            raise ConfigError(f"operator {call.name!r}: {error}") from None
        if len(self.steps) == MAX_OPS:
            raise too_many(MAX_OPS)
        self.steps.append(Step(self._owner(), lowered, inputs, outputs))

    def _check(self, lowered: Lowered, inputs: list[int], outputs: list[int]) -> None:
        """Raise `TraceError` for dims or shapes that break a rule, while the line of code is known."""
        KINDS[lowered.kind].check(lowered.dims, lowered.attrs)
        operands, results = ([self.tensors.records[number] for number in each] for each in (inputs, outputs))
        op = Op(
            id=0, kind=lowered.kind, name="", inputs=tuple(inputs), outputs=tuple(outputs),
            dims=lowered.dims, attrs=lowered.attrs, macs=0,
        )  # fmt: skip
        check_shapes(op, operands, results)

    def _is_folded(self, call: Call, lowered: Lowered) -> bool:
        """Return whether the op's result is a constant: of constants alone, and not to be counted."""
        if lowered.kind in FOLDED:
            return all(self.tensors.is_constant(tensor) for tensor in call.inputs)
        made = (self.recipes.knows(tensor) and not self.recipes.holds(tensor) for tensor in call.inputs)
        return lowered.kind in PLACED and all(made)

    def _constants(self, tensors: Sequence[Tensor], function: str) -> None:
        for tensor in tensors:
            self.tensors.add_constant(tensor, label(self._owner(), function))

    def _fail(self, what: str) -> None:
        """Raise `ConfigError`, or count what is missing."""
        if not self._collect:
            raise ConfigError(what)
        known = self._missing.get(what)
        place = self.names.here() if known is None else known.place
        self._missing[what] = Missing(what, 1 if known is None else known.count + 1, place)


def _unknown(name: str) -> str:
    return f"operator {name!r} has no kind in a trace"


def _scattered(lowered: Lowered, base: Tensor) -> Lowered:
    """Return a write to a part of `base` as a scatter into the whole."""
    if "elements" not in lowered.dims:
        raise ConfigError(f"{lowered.function} must not write to a part of a tensor")
    attrs = {**lowered.attrs, "written": lowered.dims["elements"]}
    return replace(lowered, kind="scatter", dims={"elements": base.numel()}, attrs=attrs)

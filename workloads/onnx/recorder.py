"""Collects the ops of a graph, and the tensors of a trace that its values become.

Obeys the tensor rules of the trace format: a view has `alias_of` and its memory's role, constants are
weights, whole numbers that steer are indices. A value without elements holds nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from tandemsim.sim.arch.checks import MAX_INTEGER, ConfigError, shown
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import macs
from tandemsim.traces.limits import MAX_OPS
from tandemsim.traces.schema import Quant, Role, Source, Tensor, Trace
from tandemsim.workloads.lowered import Dims, Lowered
from tandemsim.workloads.notes import Notes
from tandemsim.workloads.onnx.dtypes import WHOLE
from tandemsim.workloads.onnx.node import Result
from tandemsim.workloads.onnx.values import Array, Constant, Layout, Value, contiguous, place, steps
from tandemsim.workloads.steps import Step, assemble, too_many


class Recorder:
    """The trace in the making. `owner` is the module that the following ops belong to.

    `notes` are lines about what is computed and what the trace does not say.
    """

    def __init__(self) -> None:
        self.owner = ""
        self.notes = Notes()
        self._steps: list[Step] = []
        self._records: list[Tensor] = []
        self._views: dict[tuple[int, tuple[int, ...], tuple[int, ...], int], int] = {}

    def add_input(self, value: Value) -> None:
        """Enter an input of the model."""
        if value.elements:
            value.number = self._append(value, "input")

    def op(
        self,
        kind: str,
        function: str,
        dims: Dims,
        inputs: Sequence[Value],
        results: Sequence[Result | None],
        attrs: dict[str, Any] | None = None,
    ) -> list[Value]:
        """Record one op; return its results, in the order of `results` (without those that are None).

        Raises `ConfigError` for dims that break a rule of the trace format.
        """
        attrs = attrs or {}
        self.expect(1)
        try:
            macs(kind, dims, attrs)
        except TraceError as error:
            raise ConfigError(f"{error} ({function}, node {shown(self.owner)})") from None
        numbers = [self.number(value) for value in inputs if value.elements]
        outputs = [Value(*result) for result in results if result is not None]
        lowered: Lowered[Value] = Lowered(kind, function, dims, list(inputs), outputs, attrs)
        for value in outputs:
            index = value.dtype in WHOLE and kind not in ("gemm", "conv2d")
            value.number = self._append(value, "index" if index else "activation")
        self._steps.append(
            Step(self.owner, lowered, numbers, [v.number for v in outputs if v.number is not None])
        )
        return outputs

    def expect(self, ops: int) -> None:
        """Raise `ConfigError`, which names the node, unless there is room for so many more ops."""
        if len(self._steps) + ops > MAX_OPS:
            raise ConfigError(f"{too_many(MAX_OPS)} (node {shown(self.owner)})")

    def note(self, line: str) -> None:
        """Count a line about something that is computed and that the trace does not say."""
        self.notes.add(line)

    def derived(
        self,
        function: str,
        value: Value,
        result: Result,
        compute: Callable[[Array], Array],
        known: Constant | None,
    ) -> Value:
        """Return what an elementwise op makes of a value: recorded when it is first read, or a constant.

        `known` is the constant of which the value is a view or the whole, and `compute` makes of its content
        that of the result; without it, the value is not a constant.
        """
        if known is None:
            return self.later(function, value, result)
        made = Constant(lambda: None if (array := known.array()) is None else compute(array))
        return Value(*result, name=f"{function} {value.name}", constant=made)

    def per_element(
        self, kind: str, function: str, inputs: Sequence[Value], result: Result, reduced: int = 1
    ) -> Value:
        """Record an op without multiply-accumulates; `reduced` input elements make one of its result."""
        return self.per_elements(kind, function, inputs, [result], reduced)[0]

    def per_elements(
        self, kind: str, function: str, inputs: Sequence[Value], results: Sequence[Result], reduced: int = 1
    ) -> list[Value]:
        """Record an op without multiply-accumulates that makes several results, the first of which counts."""
        empty = [Value(*result) for result in results]
        if not empty[0].elements:
            return empty
        dims: Dims = {"elements": empty[0].elements}
        if reduced > 1:
            dims["reduced"] = reduced
        return self.op(kind, function, dims, inputs, results, {"function": function})

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Return a value in another shape: a view where the strides allow it, else a copy.

        A copy that nothing reads is not recorded: an attention reads keys that are repeated for a group of
        heads where they come from.
        """
        view = value.reshaped(shape)
        if view is not None:
            return view
        copy = self.later("copy", value, Result(tuple(shape), value.dtype))
        copy.repeated = repeated(value.layout, value, copy.shape)
        return copy

    def later(self, function: str, value: Value, result: Result) -> Value:
        """Return what an elementwise op makes of a value; it is recorded when it is first read, or never."""
        owner = self.owner

        def record() -> int:
            self.owner, reader = owner, self.owner
            number = self.number(self.per_element("eltwise", function, [value], result))
            self.owner = reader
            return number

        return Value(*result, later=record)

    def number(self, value: Value) -> int:
        """Return the number of a value's tensor; a new one is a constant or a view."""
        if value.number is None:
            if value.later is not None:
                value.number = value.later()
            elif value.root is None:
                value.number = self._append(value, "index" if value.dtype in WHOLE else "weight")
            else:
                value.number = self._view(value, value.root)
        return value.number

    def trace(self, source: Source, outputs: Sequence[Value]) -> Trace:
        """Return the checked trace of all ops. Raises `TraceError`."""
        returned = [self.number(value) for value in outputs if value.elements]
        for number in returned:
            record = self._records[number]
            if record.alias_of is not None or record.role in ("activation", "index"):
                self._records[number] = replace(record, role="output")
        for record in self._records:
            if record.alias_of is not None and record.id not in returned:
                self._records[record.id] = replace(record, role=self._records[record.alias_of].role)
        return assemble(source, self._steps, self._records, returned)

    def _view(self, value: Value, root: Value) -> int:
        base = self.number(root)
        if value.shape == root.shape and steps(value.layout) == steps(contiguous(root.shape)):
            return base
        key = (base, value.shape, steps(value.layout), place(value.layout))
        if key not in self._views:
            self._views[key] = self._append(value, self._records[base].role, base)
        return self._views[key]

    def _append(self, value: Value, role: Role, alias_of: int | None = None) -> int:
        if max(value.shape, default=0) > MAX_INTEGER:
            what = f"node {shown(self.owner)}" if self.owner else f"input {shown(value.name)}"
            raise ConfigError(
                f"a tensor must have sides of at most {MAX_INTEGER}, not {max(value.shape)} ({what})"
            )
        number = len(self._records)
        quant = Quant(**value.quant) if value.quant else None
        name = value.name if alias_of is None and role in ("input", "weight", "index") else ""
        record = Tensor(
            id=number,
            shape=value.shape,
            dtype=value.dtype,
            role=role,
            alias_of=alias_of,
            quant=quant,
            name=name,
        )
        self._records.append(record)
        return number


def repeated(layout: Layout, value: Value, shape: Sequence[int]) -> Value | None:
    """Return (a, b, ...) where (a, b, repeats, ...) is laid out as (a, b · repeats, ...), else None."""
    if layout.ndim < 3 or layout.strides[2] or layout.shape[2] < 2:
        return None
    before, parts, repeats = layout.shape[:3]
    if tuple(shape) != (before, parts * repeats, *layout.shape[3:]):
        return None
    return value.shown_as(layout[:, :, 0])

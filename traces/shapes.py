"""Checks the shapes of an op's tensors against its dims, as the table of `traces.kinds` says.

Attention and convolution must match shape by shape, a gemm and the kinds without MACs by number of elements,
since exporters fold leading dimensions in different ways. Operands beyond those of the table (bias, mask) are
free.
"""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.traces.errors import violation
from tandemsim.traces.kind import Operand
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.schema import Op, Tensor


def check_shapes(op: Op, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Raise `TraceError` if the tensors contradict the op's dims, which are valid."""
    kind = KINDS[op.kind]
    if len(inputs) not in kind.input_counts:
        raise violation("inputs", f"must be {_described(kind.input_counts)} tensors", len(inputs))
    if not outputs:
        raise violation("outputs", "must be at least 1 tensor", 0)
    expected = kind.operands(op.dims, op.attrs)
    for position, (tensor, operand) in enumerate(zip(inputs, expected.inputs, strict=False)):
        _check(f"inputs[{position}]", tensor, operand)
    _check("outputs[0]", outputs[0], expected.output)


def _check(field: str, tensor: Tensor, operand: Operand) -> None:
    if operand.shape is not None and tensor.shape != operand.shape:
        _fail(field, tensor, f"have shape {list(operand.shape)}")
    if operand.elements and tensor.elements not in operand.elements:
        _fail(field, tensor, f"hold {operand.elements[-1]} elements")


def _fail(field: str, tensor: Tensor, rule: str) -> None:
    raise violation(field, f"(tensor {tensor.id}) must {rule}", list(tensor.shape))


def _described(counts: range) -> str:
    """Say which numbers of inputs are allowed."""
    return f"at least {counts.start}" if counts.step == 1 else " or ".join(map(str, counts))

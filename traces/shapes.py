"""Checks the shapes of an op's tensors against its dims, as the table of `traces.kinds` says.

Attention and convolution must match shape by shape, a gemm and the kinds without MACs by number of elements,
since exporters fold leading dimensions in different ways. Operands beyond those of the table (bias, mask) are
free.
"""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.traces.errors import violation
from tandemsim.traces.kind import NO_LIMIT, Operand
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.schema import Op, Tensor


def check_shapes(op: Op, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Raise `TraceError` if the tensors contradict the op's dims, which are valid."""
    kind = KINDS[op.kind]
    expected = kind.operands(op.dims, op.attrs)
    counts = expected.counts or kind.input_counts
    if len(inputs) not in counts:
        raise violation("inputs", f"must be {_described(counts)} tensors", len(inputs))
    if not outputs:
        raise violation("outputs", "must be at least 1 tensor", 0)
    for position, (tensor, operand) in enumerate(zip(inputs, expected.inputs, strict=False)):
        _check(f"inputs[{position}]", tensor, operand)
    _check("outputs[0]", outputs[0], expected.output)


def _check(field: str, tensor: Tensor, operand: Operand) -> None:
    if operand.shape is not None and tensor.shape != operand.shape:
        _fail(field, tensor, f"have shape {list(operand.shape)}")
    if operand.elements and tensor.elements not in operand.elements:
        _fail(field, tensor, f"hold {operand.elements[-1]} elements")
    if operand.broadcast is not None and not _broadcasts(tensor.shape, operand.broadcast):
        _fail(field, tensor, f"broadcast to shape {list(operand.broadcast)}")


def _broadcasts(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(size in (1, full) for size, full in pairs)


def _fail(field: str, tensor: Tensor, rule: str) -> None:
    raise violation(field, f"(tensor {tensor.id}) must {rule}", list(tensor.shape))


def _described(counts: range) -> str:
    """Say which numbers of inputs are allowed."""
    return f"at least {counts.start}" if counts.stop >= NO_LIMIT else " or ".join(map(str, counts))

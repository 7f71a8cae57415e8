"""Checks the data flow of a trace: views lead to a tensor, and every tensor exists when an op reads it.

Messages name an op or a tensor as `of_op` and `of_tensor` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from tandemsim.sim.arch.checks import shown
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.schema import Op, Tensor

FROM_OUTSIDE = ("input", "weight", "index")  # roles of tensors that no op need produce
FROM_AN_OP = ("activation", "output", "index")

TensorsById = Mapping[int, Tensor]


def of_op(op: Op) -> str:
    """Return how a message names an op."""
    return f"op {op.id} {shown(op.name)}"


def of_tensor(tensor: Tensor) -> str:
    """Return how a message names a tensor."""
    return f"tensor {tensor.id}"


def viewed(tensor: Tensor, tensors: TensorsById) -> Tensor:
    """Return the tensor at the end of a chain of views."""
    seen = set()
    while tensor.alias_of is not None:
        seen.add(tensor.id)
        if tensor.alias_of in seen:
            raise TraceError("must lead to a tensor that is not a view, not back to itself", field="alias_of")
        if tensor.alias_of not in tensors:
            raise violation("alias_of", "must be the id of a tensor", tensor.alias_of)
        tensor = tensors[tensor.alias_of]
    return tensor


def check_order(ops: Sequence[Op], tensors: TensorsById) -> None:
    """Raise `TraceError` unless each tensor is produced once, or comes from outside, before an op reads it.

    The ids in `ops` and the chains of views must be valid.
    """
    roots = {tensor.id: viewed(tensor, tensors).id for tensor in tensors.values()}
    maker = _makers(ops, tensors)
    done = set()
    for op in ops:
        for position, tensor_id in enumerate(op.inputs):
            root = roots[tensor_id]
            if root in maker and maker[root] not in done:
                message = _too_early(root, ops, maker, roots)
                raise TraceError(message, op=of_op(op), field=f"inputs[{position}]")
        done.add(op.id)


def _makers(ops: Sequence[Op], tensors: TensorsById) -> dict[int, int]:
    """Return the op that produces each tensor."""
    maker: dict[int, int] = {}
    for op in ops:
        for position, tensor_id in enumerate(op.outputs):
            message = _misplaced(tensors[tensor_id], maker)
            if message:
                raise TraceError(message, op=of_op(op), field=f"outputs[{position}]")
            maker[tensor_id] = op.id
    for tensor in tensors.values():
        if tensor.alias_of is None and tensor.role not in FROM_OUTSIDE and tensor.id not in maker:
            rule = f"must be one of {', '.join(FROM_OUTSIDE)}, as no op produces it"
            raise violation("role", rule, tensor.role).located(op=of_tensor(tensor))
    return maker


def _misplaced(tensor: Tensor, maker: Mapping[int, int]) -> str:
    """Say why a tensor cannot be an output of an op; empty if it can."""
    if tensor.alias_of is not None:
        return f"must not be a view, as tensor {tensor.id} is"
    if tensor.role not in FROM_AN_OP:
        return f"must have a role of {', '.join(FROM_AN_OP)}, not {tensor.role!r} (tensor {tensor.id})"
    if tensor.id in maker:
        return f"must come from one op, tensor {tensor.id} already comes from op {maker[tensor.id]}"
    return ""


def _too_early(tensor_id: int, ops: Sequence[Op], maker: Mapping[int, int], roots: Mapping[int, int]) -> str:
    """Say why a tensor does not exist yet: its op comes later, or waits for its own result."""
    needed = {op.id: {roots[tensor] for tensor in op.inputs} for op in ops}
    waits_for = {op: {maker[root] for root in tensors if root in maker} for op, tensors in needed.items()}
    try:
        TopologicalSorter(waits_for).prepare()
    except CycleError as error:
        return f"must not wait for its own result, as the ops {' -> '.join(map(str, error.args[1]))} do"
    return f"must be produced before it is read, but tensor {tensor_id} comes from op {maker[tensor_id]}"

"""The rules that join the parts of a trace, and its digest.

Obeys the contract of ``tandem-trace/1``: ids are unique, every op's inputs exist before it runs
(`traces.order`), shapes (`traces.shapes`) and MACs (`traces.kinds`) follow from dims, and the digest is that
of the content. `seal` makes a trace, `check` is run on every one that is read. Errors are `TraceError` with
the op and the field.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.json_text import MAX_DEPTH, is_too_deep
from tandemsim.traces.kinds import macs
from tandemsim.traces.order import check_order, of_op, of_tensor, viewed
from tandemsim.traces.schema import DTYPE_BITS, SCHEMA, ArrayInfo, Op, Source, Tensor, Trace, TraceBody
from tandemsim.traces.shapes import check_shapes

MAX_ELEMENTS = 2**60  # assumed: so that the bytes of a tensor fit an int64, at 8 an element
DEEP = f"must be nested at most {MAX_DEPTH} deep"

Item = TypeVar("Item", Tensor, Op)


def seal(
    *,
    source: Source,
    tensors: Iterable[Tensor],
    ops: Iterable[Op],
    arrays: Mapping[str, ArrayInfo] | None = None,
) -> Trace:
    """Return a checked trace with its digest. `ops` are in the order in which they execute.

    The result equals what `traces.codec.load` reads back. Raises `TraceError`.
    """
    body = TraceBody(
        schema=SCHEMA, source=source, tensors=tuple(tensors), ops=tuple(ops), arrays=dict(arrays or {})
    )
    _check_json(source.configuration, "source.configuration")
    for op in body.ops:
        _check_json(op.attrs, f"{of_op(op)}: attrs")
    try:
        body = msgspec.json.decode(msgspec.json.encode(body), type=TraceBody)
    except msgspec.ValidationError as error:
        raise TraceError(str(error)) from None
    trace = Trace(**_fields(body), digest=digest_of(body))
    check(trace)
    return trace


def digest_of(trace: TraceBody) -> str:
    """Return the SHA-256 of the content: as JSON without digest, defaults and blanks, keys sorted."""
    body = TraceBody(**_fields(trace))
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()


def check(trace: Trace) -> None:
    """Raise `TraceError` for the first rule that `trace` breaks."""
    if digest_of(trace) != trace.digest:
        raise TraceError("is not that of the content: the trace was edited or damaged", field="digest")
    if is_too_deep(trace.source.configuration):
        raise TraceError(DEEP, field="source.configuration")
    tensors = _by_id(trace.tensors, "tensor")
    for tensor in trace.tensors:
        try:
            _check_tensor(tensor, tensors, trace.arrays)
        except TraceError as error:
            raise error.located(op=of_tensor(tensor)) from None
    _by_id(trace.ops, "op")
    for op in trace.ops:
        try:
            _check_op(op, tensors)
        except TraceError as error:
            raise error.located(op=of_op(op)) from None
    check_order(trace.ops, tensors)


def _fields(trace: TraceBody) -> dict[str, Any]:
    return {name: getattr(trace, name) for name in TraceBody.__struct_fields__}


def _by_id(items: Iterable[Item], what: str) -> dict[int, Item]:
    items_by_id: dict[int, Item] = {}
    for item in items:
        if item.id in items_by_id:
            raise TraceError(f"must be unique, but two {what}s have the id {item.id}")
        items_by_id[item.id] = item
    return items_by_id


def _check_tensor(tensor: Tensor, tensors: Mapping[int, Tensor], arrays: Mapping[str, ArrayInfo]) -> None:
    if tensor.dtype not in DTYPE_BITS:
        raise TraceError(f"{tensor.dtype!r} is unknown; {hint(tensor.dtype, DTYPE_BITS)}", field="dtype")
    if math.prod(tensor.shape) > MAX_ELEMENTS:
        raise violation("shape", "must hold at most 2**60 elements", list(tensor.shape))
    quant = tensor.quant
    if quant and quant.axis is not None and quant.axis >= len(tensor.shape):
        raise violation("quant.axis", f"must be below {len(tensor.shape)}", quant.axis)
    if quant and quant.scales is not None and quant.scales not in arrays:
        advice = hint(quant.scales, arrays)
        raise TraceError(f"{quant.scales!r} is not an array of the trace; {advice}", field="quant.scales")
    if tensor.alias_of is not None:
        _check_view(tensor, viewed(tensor, tensors))


def _check_view(tensor: Tensor, root: Tensor) -> None:
    reason = f"as of tensor {root.id} that it views"
    if tensor.dtype != root.dtype:
        raise violation("dtype", f"must be {root.dtype}, {reason}", tensor.dtype)
    if tensor.role not in (root.role, "output"):
        raise violation("role", f"must be {root.role}, {reason}", tensor.role)
    if _format(tensor) != _format(root):
        raise violation("quant", f"must be {_format(root)}, {reason}", _format(tensor))


def _format(tensor: Tensor) -> str:
    """Return bits, type and sign of a tensor's elements, which a view has in common with what it views."""
    quant = tensor.quant
    return f"{quant.bits}-bit {quant.type}{'' if quant.signed else ' unsigned'}" if quant else "none"


def _check_op(op: Op, tensors: Mapping[int, Tensor]) -> None:
    for name, value in op.attrs.items():
        if is_too_deep(value):
            raise TraceError(DEEP, field=f"attrs.{name}")
    expected = macs(op.kind, op.dims, op.attrs)
    for field, ids in (("inputs", op.inputs), ("outputs", op.outputs)):
        for position, tensor_id in enumerate(ids):
            if tensor_id not in tensors:
                raise violation(f"{field}[{position}]", "must be the id of a tensor", tensor_id)
    check_shapes(op, [tensors[i] for i in op.inputs], [tensors[i] for i in op.outputs])
    if op.macs != expected:
        raise violation("macs", f"must be {expected}, which follows from dims", op.macs)


def _check_json(value: object, field: str) -> None:
    """Check that a value is read as it was written, but for tuples, which become lists."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise violation(field, "must have strings as keys", key)
            _check_json(item, f"{field}.{key}")
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            _check_json(item, f"{field}[{position}]")
    elif not (value is None or isinstance(value, (str, int)) or _is_finite(value)):
        raise violation(field, "must be a JSON value", value)


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)

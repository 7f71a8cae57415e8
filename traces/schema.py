"""The types of a trace, schema ``tandem-trace/1``.

A trace is a header, a list of tensors and a list of ops in the order in which they execute. Views are tensors
with `alias_of`, not ops. What each kind of op states in `dims` and `attrs` is in `traces.kinds`; the rules
that join the parts (order, shapes, MACs, digest) are in `traces.validate`. `docs/trace.schema.json` is
generated from these types.

Lengths are counted in elements, MACs are useful multiply-accumulates, indices start at 0.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tandemsim.traces.attention import OPERANDS
from tandemsim.traces.kind import MAX_DIM
from tandemsim.traces.kinds import KINDS, MAX_MACS
from tandemsim.traces.pattern import Pattern

SCHEMA: Literal["tandem-trace/1"] = "tandem-trace/1"

#: Bits that one element takes in memory, unless its `Quant` says otherwise.
DTYPE_BITS = {
    **{"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16},
    **{"float8": 8, "float8_e4m3fn": 8, "float8_e5m2": 8},
    **{"complex128": 128, "complex64": 64, "complex32": 32},
    **{"int64": 64, "int32": 32, "int16": 16, "int8": 8, "uint8": 8, "int4": 4, "uint4": 4, "bool": 8},
}

#: What a tensor is to the model. `input` and `weight` come from outside, `activation` and `output` from an
#: op; an `index` (integers that steer a gather or a scatter) from either. An alias has the role of the tensor
#: that it views, or is an `output`.
Role = Literal["input", "output", "weight", "activation", "index"]

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Length = Annotated[int, Meta(ge=1, le=MAX_DIM)]
Macs = Annotated[int, Meta(ge=0, le=MAX_MACS, description="useful multiply-accumulates, as dims say")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Dtype = Annotated[str, Meta(extra_json_schema={"enum": list(DTYPE_BITS)})]
KindName = Annotated[str, Meta(extra_json_schema={"enum": list(KINDS)})]


class TracePart(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Immutable; an unknown field is an error; a field at its default is not written."""


class Quant(TracePart, frozen=True, kw_only=True):
    """How a tensor is quantized."""

    bits: Annotated[int, Meta(ge=1, le=64)]  # of one element, without scales
    type: str  # number format of one element, `int`, `pot`, `flint`, `e2m1`, or of a block, `mxfp4`
    signed: bool = True  # False: no value is negative, and no code has a sign
    axis: Annotated[int, Meta(ge=0)] | None = None  # one scale for each index along it; None: one scale
    scales: str | None = None  # the array of scales in the `.npz` beside the trace


class Tensor(TracePart, frozen=True, kw_only=True):
    """One tensor, or a view of one. `shape` is () for a scalar."""

    id: Id
    shape: tuple[Length, ...]
    dtype: Dtype
    role: Role
    alias_of: Id | None = None  # the tensor that this one views: same memory, other shape
    quant: Quant | None = None
    name: str = ""  # a weight's name in the model

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, rounded up to whole ones."""
        bits = self.quant.bits if self.quant else DTYPE_BITS[self.dtype]
        return -(-self.elements * bits // 8)


class Op(TracePart, frozen=True, kw_only=True):
    """One operation. `inputs` and `outputs` are tensor ids; `attrs` holds JSON values (lists, not tuples)."""

    id: Id
    kind: KindName
    name: str  # the module that owns it: `encoder.layer.0.attention.self.query`
    inputs: tuple[Id, ...]
    outputs: tuple[Id, ...]
    dims: dict[str, int | tuple[int, ...]]
    attrs: dict[str, Any] = {}
    macs: Macs

    def dim(self, name: str) -> int:
        """Return an integer dimension, or its kind's default. Raises `TraceError` if it has neither."""
        return KINDS[self.kind].dim(self.dims, name)

    @property
    def pattern(self) -> Pattern | None:
        """The sparse attention pattern, where the kind has one. Raises `TraceError` if it breaks a rule."""
        read = KINDS[self.kind].pattern
        return read(self.dims, self.attrs) if read else None

    @property
    def has_global_projections(self) -> bool:
        """Whether a window attention has queries, keys and values of its own for the global tokens."""
        return KINDS[self.kind].pattern is not None and len(self.inputs) == len(OPERANDS)

    def operand(self, name: str) -> Id | None:
        """Return the tensor that is the "mask", "bias" or "sinks" of an attention, None if it has none."""
        place = KINDS[self.kind].place(self.attrs, name, len(self.inputs))
        return None if place is None else self.inputs[place]


class Source(TracePart, frozen=True, kw_only=True):
    """Where a trace comes from."""

    model: str  # `longformer`
    configuration: dict[str, Any]  # what the model was built with: layers, hidden size, input shape
    exporter: str  # `workloads.export`
    exporter_version: str
    origin: str = ""  # the module or file that was exported, where the model's name does not say it


class ArrayInfo(TracePart, frozen=True, kw_only=True):
    """One array of the `.npz` beside the trace."""

    shape: tuple[Annotated[int, Meta(ge=0)], ...]
    dtype: str  # numpy's name of it, little endian
    sha256: Digest  # of its bytes in C order


class TraceBody(TracePart, frozen=True, kw_only=True):
    """Everything of a trace but its digest."""

    schema: Literal["tandem-trace/1"]
    source: Source
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    arrays: dict[str, ArrayInfo] = {}


class Trace(TraceBody, frozen=True, kw_only=True):
    """A whole trace. Make one with `traces.validate.seal`, read one with `traces.codec.load`."""

    digest: Digest  # SHA-256 of the canonical JSON of the body, see `traces.validate.digest_of`

    def tensor_map(self) -> dict[int, Tensor]:
        """Return the tensors by id."""
        return {tensor.id: tensor for tensor in self.tensors}

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates of all ops."""
        return sum(op.macs for op in self.ops)

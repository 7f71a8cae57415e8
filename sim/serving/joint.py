"""A mix as one trace: one query of each network, its ops called ``network/op``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tandemsim.sim.serving.mixes import Mix, Tenant
from tandemsim.traces import codec
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

EXPORTER = "sim.serving.joint"
TENANTS = "tenants"


def joint_trace(mix: Mix) -> Trace:
    """Return the networks of a mix side by side, in its order. Raises `TraceError`."""
    tensors: list[Tensor] = []
    ops: list[Op] = []
    arrays: dict[str, Any] = {}
    for tenant in mix.tenants:
        trace = codec.load(codec.find(tenant.workload))
        first_tensor = max((tensor.id for tensor in tensors), default=-1) + 1
        first_op = max((op.id for op in ops), default=-1) + 1
        tensors += [_moved(tensor, first_tensor) for tensor in trace.tensors]
        ops += [
            msgspec.structs.replace(
                op,
                id=op.id + first_op,
                name=f"{tenant.name}/{op.name}",
                inputs=tuple(each + first_tensor for each in op.inputs),
                outputs=tuple(each + first_tensor for each in op.outputs),
            )
            for op in trace.ops
        ]
        arrays |= trace.arrays
    stated = {
        tenant.name: {"workload": tenant.workload, "target_ms": tenant.target_ms, "share": tenant.share}
        for tenant in mix.tenants
    }
    source = Source(model=mix.name, configuration={TENANTS: stated}, exporter=EXPORTER, exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops, arrays=arrays)


def tenants_of(trace: Trace) -> list[Tenant] | None:
    """Return the tenants of a trace that `joint_trace` made; of any other None."""
    if trace.source.exporter != EXPORTER:
        return None
    stated: Mapping[str, Mapping[str, Any]] = trace.source.configuration[TENANTS]
    return [Tenant(name=name, **fields) for name, fields in stated.items()]


def _moved(tensor: Tensor, first: int) -> Tensor:
    alias = None if tensor.alias_of is None else tensor.alias_of + first
    return msgspec.structs.replace(tensor, id=tensor.id + first, alias_of=alias)

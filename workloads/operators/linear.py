"""Matrix products."""

from __future__ import annotations

from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers


@lowers("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot")
def _gemm(call: Call) -> Lowered:
    """Matrix products: of matrices, of batches of them, or with vectors as thin matrices."""
    adds = call.name.startswith(("add", "badd"))
    a, b, *added = [*call.inputs[1:], call.inputs[0]] if adds else call.inputs
    batch = a.shape[0] if call.name in ("bmm", "baddbmm") else 1
    m = a.shape[-2] if a.dim() > 1 else 1
    n = b.shape[-1] if b.dim() > 1 else 1
    dims: Dims = {"batch": batch, "m": m, "n": n, "k": a.shape[-1]}
    return Lowered("gemm", call.name, dims, [a, b, *added], call.outputs)

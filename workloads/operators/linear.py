"""Matrix products, and what is made of them: distances, triangular systems, Fourier transforms."""

from __future__ import annotations

import math

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers, per_element


@lowers("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot", "vdot", "_int_mm", "_addmm_activation")
def _gemm(call: Call) -> Lowered:
    """Matrix products: of matrices, of batches of them, or with vectors as thin matrices."""
    adds = call.name.startswith(("add", "badd", "_add"))
    a, b, *added = [*call.inputs[1:], call.inputs[0]] if adds else call.inputs
    batch = a.shape[0] if call.name in ("bmm", "baddbmm") else 1
    m = a.shape[-2] if a.dim() > 1 else 1
    n = b.shape[-1] if b.dim() > 1 else 1
    dims: Dims = {"batch": batch, "m": m, "n": n, "k": a.shape[-1]}
    return Lowered("gemm", call.name, dims, [a, b, *added], call.outputs)


@lowers("_scaled_mm", "_scaled_mm_v2")
def _scaled(call: Call) -> Lowered:
    """A product of float8 matrices. Their scales and the bias are what is added."""
    a, b, *rest = call.inputs
    dims: Dims = {"batch": 1, "m": a.shape[0], "n": b.shape[1], "k": a.shape[1]}
    return Lowered("gemm", "scaled_mm", dims, [a, b, *rest], call.outputs)


@lowers("_weight_int8pack_mm")
def _packed(call: Call) -> Lowered:
    """A product with int8 weights, of which each row has its scale."""
    a, b, scales = call.inputs
    dims: Dims = {"batch": 1, "m": a.shape[0], "n": b.shape[0], "k": a.shape[1]}
    return Lowered("gemm", "int8_mm", dims, [a, b, scales], call.outputs)


@lowers("addbmm")
def _summed(call: Call) -> Lowered:
    """The sum of a batch of products: one product whose k runs over the batch too."""
    added, a, b = call.inputs
    dims: Dims = {"batch": 1, "m": a.shape[1], "n": b.shape[2], "k": a.shape[0] * a.shape[2]}
    return Lowered("gemm", "addbmm", dims, [a, b, added], call.outputs)


@lowers("addr")
def _outer(call: Call) -> Lowered:
    """A column times a row, plus a matrix."""
    added, column, row = call.inputs
    dims: Dims = {"batch": 1, "m": column.numel(), "n": row.numel(), "k": 1}
    return Lowered("gemm", "addr", dims, [column, row, added], call.outputs)


@lowers("_grouped_mm", "_scaled_grouped_mm")
def _grouped(call: Call) -> Lowered:
    """Products of groups of rows (or columns) with one matrix each; where the groups end is data."""
    a, b, *rest = call.inputs
    if a.dim() == b.dim() == 3:
        dims: Dims = {"batch": a.shape[0], "m": a.shape[1], "n": b.shape[2], "k": a.shape[2]}
        return Lowered("gemm", "grouped_mm", dims, [a, b, *rest], call.outputs)
    if a.dim() == b.dim() == 2:
        groups = call.outputs[0].shape[0]
        if a.shape[1] % groups:
            raise ConfigError("a traced grouped product over parts of k must have a multiple of its groups")
        dims = {"batch": groups, "m": a.shape[0], "n": b.shape[1], "k": a.shape[1] // groups}
        return Lowered("gemm", "grouped_mm", dims, [a, b, *rest], call.outputs)
    if a.dim() == 2:
        dims = {"m": a.shape[0], "n": b.shape[2], "k": a.shape[1], "groups": b.shape[0]}
        return Lowered("grouped_gemm", "grouped_mm", dims, [a, b, *rest], call.outputs)
    dims = {"m": b.shape[1], "n": a.shape[1], "k": b.shape[0], "groups": a.shape[0]}
    return Lowered("grouped_gemm", "grouped_mm", dims, [b, a, *rest], call.outputs)


@lowers("_cdist_forward", "_euclidean_dist")
def _distances(call: Call) -> Lowered:
    """Distances of all pairs of rows: with p = 2 as many products as the matrix product of the rows."""
    a, b = call.inputs
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-2]
    if call.args.get("p", 2.0) != 2.0:
        return per_element("reduce", "cdist", call, k)
    batch = call.outputs[0].shape[:-2]
    dims: Dims = {"batch": math.prod(batch), "m": m, "n": n, "k": k}
    whole = [tensor.expand(*batch, *tensor.shape[-2:]) for tensor in (a, b)]
    return Lowered("gemm", "cdist", dims, whole, call.outputs)


@lowers("linalg_solve_triangular", "triangular_solve")
def _triangular(call: Call) -> Lowered:
    """A triangular system for each column of the right side."""
    matrix, right = call.inputs
    if call.name == "triangular_solve":
        matrix, right = right, matrix
    solution, n = call.outputs[0], matrix.shape[-1]
    batch = math.prod(solution.shape[:-2])
    columns = solution.numel() // (batch * n)
    dims: Dims = {"batch": batch, "n": n, "columns": columns}
    whole = [tensor.expand(*solution.shape[:-2], *tensor.shape[-2:]) for tensor in (matrix, right)]
    return Lowered("triangular_solve", "triangular_solve", dims, whole, call.outputs[:1])


@lowers("_fft_r2c", "_fft_c2c", "_fft_c2r")
def _fft(call: Call) -> Lowered:
    """Fourier transforms along one axis; the tracer takes those along several apart."""
    (dim,) = call.args["dim"]
    real = call.name != "_fft_c2c"
    whole = call.outputs[0] if call.name == "_fft_c2r" else call.inputs[0]
    length = whole.shape[dim]
    dims: Dims = {"batch": whole.numel() // length, "length": length}
    attrs = {"real": True} if real else {}
    return Lowered("fft", call.name.removeprefix("_"), dims, call.inputs, call.outputs[:1], attrs)

"""Operators of this package that language models need: experts, and tokens that join a cache."""

from __future__ import annotations

from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers


@lowers("grouped_linear")
def _grouped_linear(call: Call) -> Lowered:
    rows, weight, experts, bias = (call.args[name] for name in ("rows", "weight", "experts", "bias"))
    outputs = weight.shape[2 if call.args["transposed"] else 1]
    dims: Dims = {"m": rows.shape[0], "n": outputs, "k": rows.shape[1], "groups": weight.shape[0]}
    added = [] if bias is None else [bias]
    return Lowered("grouped_gemm", "projection", dims, [rows, weight, *added, experts], call.outputs)


@lowers("cache_append", "cache_write")
def _cache_append(call: Call) -> Lowered:
    cache, new = call.args["cache"], call.args["new"]
    dims: Dims = {"elements": new.numel(), "length": call.outputs[0].numel()}
    return Lowered("cache_append", "cache_append", dims, [cache, new], call.outputs)

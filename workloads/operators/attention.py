"""The two attention operators of this package, `workloads.dense_attention` and `workloads.attention`."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from tandemsim.workloads.attention import pattern_of
from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers

OPERANDS = ("mask", "bias", "sinks")  # beyond q, k and v, in the order of the inputs


@lowers("window_attention")
def _window_attention(call: Call) -> Lowered:
    args = call.args
    q, k, v = (args[name] for name in "qkv")
    pattern = pattern_of(args["pattern"])
    dims: Dims = {"batch": q.shape[0], "heads": q.shape[1], "head_dim": q.shape[3]}
    dims |= {**pattern.dims(), **_grouped(q, k, v)}
    operands = {name: args[name] for name in OPERANDS if args.get(name) is not None}
    attrs = {**pattern.attrs(), **_scores(q, args)}
    if operands:
        attrs["operands"] = list(operands)
    own = [args[name] for name in ("global_q", "global_k", "global_v") if args[name] is not None]
    return Lowered(
        "window_attention", call.name, dims, [q, k, v, *own, *operands.values()], call.outputs, attrs
    )


@lowers("attention")
def _attention(call: Call) -> Lowered:
    q, k, v = (call.args[name] for name in "qkv")
    dims: Dims = {"batch": q.shape[0], "heads": q.shape[1], "head_dim": q.shape[3]}
    dims |= {"q_len": q.shape[2], "kv_len": k.shape[2], **_grouped(q, k, v)}
    operands = {name: call.args[name] for name in OPERANDS if call.args[name] is not None}
    attrs: dict[str, Any] = {"causal": True} if call.args["causal"] else {}
    attrs |= _scores(q, call.args)
    if set(operands) - {"mask"}:
        attrs["operands"] = list(operands)
    return Lowered("attention", call.name, dims, [q, k, v, *operands.values()], call.outputs, attrs)


def _grouped(q: Tensor, k: Tensor, v: Tensor) -> Dims:
    """Return the dims of keys and values that differ from those of the queries."""
    own = {"kv_heads": (k.shape[1], q.shape[1]), "v_dim": (v.shape[3], q.shape[3])}
    return {name: size for name, (size, default) in own.items() if size != default}


def _scores(q: Tensor, args: dict[str, Any]) -> dict[str, float]:
    """Return what is done to the scores beyond the usual scale."""
    scale, softcap = args["scale"], args["softcap"]
    attrs = {}
    if scale is not None and not math.isclose(scale, q.shape[3] ** -0.5, rel_tol=1e-6):
        attrs["scale"] = float(scale)
    if softcap is not None:
        attrs["softcap"] = float(softcap)
    return attrs

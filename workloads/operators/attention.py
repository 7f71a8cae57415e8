"""The two attention operators of this package, `workloads.dense_attention` and `workloads.attention`."""

from __future__ import annotations

from tandemsim.workloads.attention import pattern_of
from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers


@lowers("window_attention")
def _window_attention(call: Call) -> Lowered:
    batch, heads, seq_len, head_dim = call.inputs[0].shape
    args = call.args
    pattern = pattern_of(seq_len, args["bands"], args["global_tokens"], args["grid"])
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim, "seq_len": seq_len}
    if pattern.grid is not None:
        dims["grid"] = pattern.grid
    return Lowered("window_attention", call.name, dims, call.inputs, call.outputs, pattern.attrs())


@lowers("attention")
def _attention(call: Call) -> Lowered:
    batch, heads, q_len, head_dim = call.inputs[0].shape
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim, "q_len": q_len}
    dims["kv_len"] = call.inputs[1].shape[2]
    attrs = {"causal": True} if call.args["causal"] else {}
    return Lowered("attention", call.name, dims, call.inputs, call.outputs, attrs)

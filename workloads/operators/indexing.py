"""Operators that read or write at places that an index names, or that find such places."""

from __future__ import annotations

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed("gather", "embedding index index_select gather pixel_shuffle")
listed("scatter", "scatter scatter_add scatter_reduce index_add index_put index_copy")


@lowers("topk", "sort")
def _topk(call: Call) -> Lowered:
    return per_element("topk", call.name, call, call.inputs[0].shape[call.args["dim"]])

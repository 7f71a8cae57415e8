"""Operators that read or write at places that an index names, or that find such places."""

from __future__ import annotations

from dataclasses import replace

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed("gather", "embedding index index_select gather take bucketize searchsorted masked_scatter")
listed("scatter", "scatter scatter_add scatter_reduce index_add index_put index_copy index_fill put")
listed("scatter", "index_reduce _unsafe_index_put:index_put bincount histc _histogramdd_bin_edges")
listed("gather", "_unsafe_index:index _unsafe_masked_index:index")


@lowers("topk", "sort", "kthvalue", "median", "nanmedian", "mode", "argsort", "msort")
def _topk(call: Call) -> Lowered:
    """What ranks elements along a dimension, or among all of them."""
    dim, (source, *_) = call.args.get("dim"), call.inputs
    whole = source.numel() if dim is None or not source.dim() else source.shape[dim]
    return per_element("topk", call.name, call, whole)


@lowers("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: Call) -> Lowered:
    """Rows of a table, summed or averaged by bags: with bags of unequal size the average one, rounded up."""
    bags, rows = call.outputs[0].shape[0], call.args["indices"].numel()
    gathered = per_element("gather", "embedding_bag", call, -(-rows // bags))
    return replace(gathered, outputs=call.outputs[:1])


@lowers("select_scatter", "slice_scatter", "diagonal_scatter", "as_strided_scatter")
def _scattered(call: Call) -> Lowered:
    """A copy of a tensor with a part replaced."""
    op = per_element("scatter", call.name, call)
    return replace(op, attrs={**op.attrs, "written": call.inputs[1].numel()})

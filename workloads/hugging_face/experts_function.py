"""The experts function that is registered with transformers: one grouped GEMM for each projection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.integrations.moe import batched_mm_experts_forward

from tandemsim.workloads.grouped_linear import grouped_linear
from tandemsim.workloads.parts import needs_parts

MAX_COPIED = 2**30  # elements of a tensor; a trace holds up to 2^31 - 1


def experts_function(experts: Any, hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Return the experts' sum for each token, as transformers' ``grouped_mm_experts_forward`` computes it.

    Where autograd must see its parts, it is a product of each token with the weights of its experts.

    `experts` holds ``(up or gate_up)_proj`` and ``down_proj`` of all experts; `hidden` is (tokens, hidden),
    `chosen` (tokens, top_k) the experts of each token and `weights` (tokens, top_k) their shares.
    """
    if needs_parts((hidden, *experts.parameters(recurse=False))):
        return _in_parts(experts, hidden, chosen, weights)
    tokens, top_k = chosen.shape
    ids = chosen.reshape(-1)
    rows = hidden.unsqueeze(1).expand(tokens, top_k, hidden.shape[-1]).reshape(tokens * top_k, -1)
    name = "gate_up_proj" if experts.has_gate else "up_proj"
    middle = _projected(experts, name, rows, ids)
    middle = experts._apply_gate(middle) if experts.has_gate else experts.act_fn(middle)
    parts = _projected(experts, "down_proj", middle, ids)
    if experts.has_post_expert_norm:
        parts = experts.post_expert_norm(parts)
    parts = parts * weights.reshape(-1, 1)
    summed: Tensor = parts.view(tokens, top_k, -1).sum(dim=1)
    return summed.to(hidden.dtype)


def _in_parts(experts: Any, hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Return the sum by transformers' products of each token with the weights of its experts.

    A copy of these weights for each token is huge, so a few tokens are taken at a time.
    """
    largest = max(part[0].numel() for part in experts.parameters(recurse=False))
    few = max(1, MAX_COPIED // (largest * chosen.shape[1]))
    parts = zip(hidden.split(few), chosen.split(few), weights.split(few), strict=True)
    return torch.cat([batched_mm_experts_forward(experts, *part) for part in parts])


def _projected(experts: Any, name: str, rows: Tensor, ids: Tensor) -> Tensor:
    weight = getattr(experts, name)
    bias = getattr(experts, f"{name}_bias") if experts.has_bias else None
    return grouped_linear(rows.to(weight.dtype), weight, ids, bias, transposed=experts.is_transposed)

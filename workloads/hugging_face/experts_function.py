"""The experts function that is registered with transformers: one grouped GEMM for each projection."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tandemsim.workloads.grouped_linear import grouped_linear


def experts_function(experts: Any, hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Return the experts' sum for each token, as transformers' ``grouped_mm_experts_forward`` computes it.

    `experts` holds ``(up or gate_up)_proj`` and ``down_proj`` of all experts; `hidden` is (tokens, hidden),
    `chosen` (tokens, top_k) the experts of each token and `weights` (tokens, top_k) their shares.
    """
    tokens, top_k = chosen.shape
    ids = chosen.reshape(-1)
    rows = hidden.unsqueeze(1).expand(tokens, top_k, hidden.shape[-1]).reshape(tokens * top_k, -1)
    name = "gate_up_proj" if experts.has_gate else "up_proj"
    middle = _projected(experts, name, rows, ids)
    middle = experts._apply_gate(middle) if experts.has_gate else experts.act_fn(middle)
    result = _projected(experts, "down_proj", middle, ids)
    if experts.has_post_expert_norm:
        result = experts.post_expert_norm(result)
    result = result * weights.reshape(-1, 1)
    summed: Tensor = result.view(tokens, top_k, -1).sum(dim=1)
    return summed.to(hidden.dtype)


def _projected(experts: Any, name: str, rows: Tensor, ids: Tensor) -> Tensor:
    weight = getattr(experts, name)
    bias = getattr(experts, f"{name}_bias") if experts.has_bias else None
    return grouped_linear(rows.to(weight.dtype), weight, ids, bias, transposed=experts.is_transposed)

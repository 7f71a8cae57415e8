"""Dense attention as one PyTorch operator, ``tandem::attention``, that really computes.

Obeys the ``attention`` contract of the trace format: key heads may be fewer than query heads (each serves as
many neighboring query heads), values may have a size of their own, scores may be scaled and capped, and
three operands may join them: a boolean mask, a bias that is added, and sinks, one more logit a head in the
denominator. A query that sees no key yields zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from tandemsim.sim.arch.checks import ConfigError


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    sinks: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Return softmax(cap(scale · q k^T) + bias) v, of shape (batch, heads, q_len, v_dim).

    `q` is (batch, heads, q_len, head_dim), `k` (batch, kv_heads, kv_len, head_dim) and `v` (batch, kv_heads,
    kv_len, v_dim), where kv_heads divides heads. `mask` (boolean: which pairs count) and `bias` broadcast to
    (batch, heads, q_len, kv_len); `sinks` holds one number a head. `causal` lets query i see the keys 0 to i.
    `scale` is 1 / sqrt(head_dim) unless given; with `softcap` c, a score s counts as c · tanh(s / c).
    Raises `ConfigError` for shapes that do not fit together.
    """
    check_heads(q, k, v)
    result: Tensor = torch.ops.tandem.attention(q, k, v, mask, bias, sinks, causal, scale, softcap)
    return result


def check_heads(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Raise `ConfigError` unless q, k and v are those of one attention, grouped or not."""
    fits = q.dim() == k.dim() == v.dim() == 4 and q.shape[0] == k.shape[0] and k.shape[:3] == v.shape[:3]
    if not fits or q.shape[3] != k.shape[3] or q.shape[1] % k.shape[1]:
        raise ConfigError(
            "an attention must have q (batch, heads, queries, head_dim) and k, v (batch, kv_heads, keys, "
            f"head_dim or v_dim), where kv_heads divides heads, not {_shapes(q, k, v)}"
        )


def token_major(q: Tensor, v: Tensor) -> Tensor:
    """Return an empty tensor for the result, in which the heads of one token lie side by side.

    Joining the heads afterwards is then a view, and not a copy that the hardware would not make.
    """
    batch, heads, q_len, _ = q.shape
    return q.new_empty(batch, q_len, heads, v.shape[3]).transpose(1, 2)


def attend(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None, bias: Tensor | None, sinks: Tensor | None,
    scale: float | None, softcap: float | None,
) -> Tensor:  # fmt: skip
    """Compute an attention by its definition, of the pairs that are `allowed`."""
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if softcap is not None:
        scores = (scores / softcap).tanh() * softcap
    if bias is not None:
        scores = scores + bias
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    if sinks is not None:
        column = sinks.to(scores.dtype).reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, column], dim=-1)
    empty = (scores == -math.inf).all(dim=-1, keepdim=True)
    weights = scores.softmax(dim=-1).masked_fill(empty, 0.0)
    return (weights[..., : k.shape[2]] @ v).to(q.dtype)


@torch.library.custom_op("tandem::attention", mutates_args=())
def _attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None, sinks: Tensor | None,
    causal: bool, scale: float | None, softcap: float | None,
) -> Tensor:  # fmt: skip
    allowed = mask
    if causal:
        triangle = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        allowed = triangle if mask is None else mask & triangle
    return token_major(q, v).copy_(attend(q, k, v, allowed, bias, sinks, scale, softcap))


@_attention.register_fake
def _(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None, sinks: Tensor | None,
    causal: bool, scale: float | None, softcap: float | None,
) -> Tensor:  # fmt: skip
    return token_major(q, v)


@register_flop_formula(torch.ops.tandem.attention)
def _flops(q: Sequence[int], k: Sequence[int], v: Sequence[int], *_: Any, out_shape: Any, **__: Any) -> int:
    """Return what PyTorch counts for the dense form: two multiply-adds per pair, head and element."""
    batch, heads, q_len, head_dim = q
    return 2 * batch * heads * q_len * k[2] * (head_dim + v[3])


def _shapes(*tensors: Tensor) -> str:
    return ", ".join(str(list(tensor.shape)) for tensor in tensors)

"""PyTorch's attention function as one operator, ``tandem::attention``, while a model is traced.

`scaled_dot_product_attention` is one fused kernel on real devices, but on the `meta` device it falls apart
into two matrix products, a softmax and copies. Under `FusedAttention` it stays the one op that
`traces/kinds.py` calls ``attention``. Models need not know. Where gradients are asked for it falls apart, as
the backward pass runs through its parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.causal_bias import as_mask
from tandemsim.workloads.dense_attention import attention
from tandemsim.workloads.masked import Masked
from tandemsim.workloads.parts import needs_parts
from tandemsim.workloads.recorder import Recorder


class FusedAttention(TorchFunctionMode):
    """While it is entered, calls of `scaled_dot_product_attention` are calls of ``tandem::attention``."""

    def __init__(self, recorder: Recorder, masked: Masked) -> None:
        super().__init__()
        self._recorder, self._masked = recorder, masked

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return self._attention(*args, **kwargs)
        if func is functional.multi_head_attention_forward:
            # Its own call of the attention function comes with this mode taken off.
            with patch.object(functional, "scaled_dot_product_attention", self._attention):
                return func(*args, **kwargs)
        return func(*args, **kwargs)

    def _attention(self, *args: Any, **kwargs: Any) -> Tensor:
        """Take what PyTorch's function takes, and leave it to that where autograd must see its parts."""
        if needs_parts((*args, *kwargs.values())):
            return scaled_dot_product_attention(*args, **kwargs)
        return self._fused(*args, **kwargs)

    def _fused(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
        dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
    ) -> Tensor:  # fmt: skip
        """Take what PyTorch's function takes."""
        if dropout_p:
            self._recorder.note("the dropout of attention weights is not modeled")
        if is_causal and attn_mask is not None:
            raise ConfigError("scaled_dot_product_attention must not have both attn_mask and is_causal")
        q, k, v = _aligned(query, key, value, enable_gqa)
        mask = None if attn_mask is None else _four(as_mask(attn_mask), query)
        if mask is None:
            result = attention(q, k, v, causal=is_causal, scale=scale)
        else:
            result = self._masked.attention(q, k, v, mask, scale=scale)
        return result.reshape(*_leading(query, key, value), query.shape[-2], value.shape[-1])


def _aligned(q: Tensor, k: Tensor, v: Tensor, grouped: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return q, k, v as (batch, heads, tokens, size), batches alike, the heads of k and v alike.

    The axis before the tokens is the heads', those before it are the batch; what is missing is 1. Raises
    `ConfigError` where PyTorch refuses the shapes too.
    """
    if min(q.dim(), k.dim(), v.dim()) < 2:
        raise _misfit(q, k, v)
    try:
        batch = torch.broadcast_shapes(*(tensor.shape[:-3] for tensor in (q, k, v)))
    except RuntimeError:
        raise _misfit(q, k, v) from None
    heads, kv_heads = _heads(q), max(_heads(k), _heads(v))
    if heads == 1:
        heads = kv_heads
    if {_heads(k), _heads(v)} - {1, kv_heads} or not (kv_heads in (1, heads) or grouped) or heads % kv_heads:
        raise _misfit(q, k, v)
    if k.shape[-2] != v.shape[-2] or q.shape[-1] != k.shape[-1]:
        raise _misfit(q, k, v)
    return _expanded(q, batch, heads), _expanded(k, batch, kv_heads), _expanded(v, batch, kv_heads)


def _heads(tensor: Tensor) -> int:
    return tensor.shape[-3] if tensor.dim() > 2 else 1


def _leading(q: Tensor, k: Tensor, v: Tensor) -> tuple[int, ...]:
    """Return the axes before those of tokens and sizes, as PyTorch's result has them."""
    most = max(q.dim(), k.dim(), v.dim())
    if most == 2:
        return ()
    batch = torch.broadcast_shapes(*(tensor.shape[:-3] for tensor in (q, k, v)))
    return (*batch, max(map(_heads, (q, k, v))))


def _expanded(tensor: Tensor, batch: torch.Size, heads: int) -> Tensor:
    whole = tensor.expand(*batch, heads, *tensor.shape[-2:])
    return whole.reshape(math.prod(batch), *whole.shape[-3:])


def _four(mask: Tensor, q: Tensor) -> Tensor:
    """Return a mask with one batch axis where it has any."""
    if mask.dim() <= 3 or q.dim() <= 4:
        return mask
    return mask.expand(*q.shape[:-3], *mask.shape[-3:]).reshape(-1, *mask.shape[-3:])


def _misfit(q: Tensor, k: Tensor, v: Tensor) -> ConfigError:
    shapes = ", ".join(str(list(tensor.shape)) for tensor in (q, k, v))
    return ConfigError(
        "scaled_dot_product_attention must have q, k, v of shape (..., heads, tokens, size), where k and v "
        "have as many tokens, heads that are those of q or 1, or with enable_gqa a divisor of them, "
        f"not {shapes}"
    )

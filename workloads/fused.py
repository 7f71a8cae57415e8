"""Dense attention as one operator, ``tandem::attention``, while a model is traced.

PyTorch's `scaled_dot_product_attention` is one fused kernel on real devices, but on the `meta` device it
falls apart into two matrix products, a softmax and copies. Under `FusedAttention` it stays the one op that
`traces/kinds.py` calls ``attention``. Models need not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from tandemsim.sim.arch.checks import ConfigError


class FusedAttention(TorchFunctionMode):
    """While it is entered, calls of `scaled_dot_product_attention` are calls of ``tandem::attention``."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is scaled_dot_product_attention:
            return _fused(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _fused(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """Take what PyTorch's function takes. Dropout and scale change no shape and no multiply-accumulate."""
    del dropout_p, scale, enable_gqa
    queries, keys, values = (list(operand.shape) for operand in (query, key, value))
    if len(queries) != 4 or keys != values or [*queries[:2], queries[3]] != [*keys[:2], keys[3]]:
        raise ConfigError(
            "a traced attention must have q, k, v of shape (batch, heads, tokens, head_dim), alike but for "
            f"the tokens of k and v, not {queries}, {keys}, {values}"
        )
    result: Tensor = torch.ops.tandem.attention(query, key, value, attn_mask, is_causal)
    return result


@torch.library.custom_op("tandem::attention", mutates_args=())
def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    return scaled_dot_product_attention(query, key, value, mask, is_causal=causal)


@_attention.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    # Heads of one token lie side by side, as the fused kernels write them.
    return query.new_empty(query.transpose(1, 2).shape).transpose(1, 2)

"""New tokens in a cache of keys or values, as operators ``tandem::cache_append`` and ``tandem::cache_write``.

Obeys the kind ``cache_append`` of the trace format (`traces/kinds.py`): only the new tokens are written. The
result is a new tensor, as a trace has it; what lies in the cache already is not moved by hardware.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cache_append(cache: Tensor, new: Tensor) -> Tensor:
    """Return a cache (batch, heads, tokens, size) that has grown by the `new` tokens, of the same axes."""
    result: Tensor = torch.ops.tandem.cache_append(cache, new)
    return result


def cache_write(cache: Tensor, new: Tensor, positions: Tensor) -> Tensor:
    """Return a cache of fixed length in which the `new` tokens stand at `positions` (whole numbers)."""
    result: Tensor = torch.ops.tandem.cache_write(cache, new, positions)
    return result


@torch.library.custom_op("tandem::cache_append", mutates_args=())
def _append(cache: Tensor, new: Tensor) -> Tensor:
    return torch.cat([cache, new], dim=-2)


@_append.register_fake
def _(cache: Tensor, new: Tensor) -> Tensor:
    return cache.new_empty(*cache.shape[:-2], cache.shape[-2] + new.shape[-2], cache.shape[-1])


@torch.library.custom_op("tandem::cache_write", mutates_args=())
def _write(cache: Tensor, new: Tensor, positions: Tensor) -> Tensor:
    return cache.index_copy(2, positions, new)


@_write.register_fake
def _(cache: Tensor, new: Tensor, positions: Tensor) -> Tensor:
    return cache.new_empty(cache.shape)

"""The layers of transformers' caches, whose updates become one op for the new tokens while a model is traced.

As they are, a dynamic layer concatenates the whole cache with one token and a static one that is full rolls
and copies itself: traffic that no machine with a cache would have. What they return stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import cache_utils

from tandemsim.workloads.cache_append import cache_append, cache_write

Pair = tuple[Tensor, Tensor]


@contextmanager
def appending() -> Iterator[None]:
    """Replace the updates of the four kinds of layer until the context ends."""
    originals = {name: getattr(cache_utils, name).update for name in _UPDATES}
    try:
        for name, update in _UPDATES.items():
            getattr(cache_utils, name).update = update
        yield
    finally:
        for name, update in originals.items():
            getattr(cache_utils, name).update = update


def _dynamic(layer: Any, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Pair:
    _initialize(layer, key_states, value_states)
    layer.keys, layer.values = _joined(layer.keys, key_states), _joined(layer.values, value_states)
    return layer.keys, layer.values


def _dynamic_window(layer: Any, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Pair:
    """Return all tokens, and keep those that the next one's window holds."""
    _initialize(layer, key_states, value_states)
    layer.cumulative_length += key_states.shape[-2]
    keys, values = _joined(layer.keys, key_states), _joined(layer.values, value_states)
    seen = layer.sliding_window - 1
    kept = keys.shape[-2] if layer.record_past or seen <= 0 else seen
    layer.keys, layer.values = keys[:, :, -kept:], values[:, :, -kept:]
    shown = seen + key_states.shape[-2] if layer.record_past else keys.shape[-2]
    return keys[:, :, -shown:], values[:, :, -shown:]


def _static(layer: Any, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Pair:
    _initialize(layer, key_states, value_states)
    _write(layer, key_states, value_states)
    return layer.keys, layer.values


def _static_window(layer: Any, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Pair:
    """Write in place while the window has room; then each token takes the place of the oldest one."""
    _initialize(layer, key_states, value_states)
    before, new, room = layer.cumulative_length_int, key_states.shape[-2], layer.max_cache_len
    layer.cumulative_length_int += new
    if before < room and before + new <= room:
        _write(layer, key_states, value_states)
        return layer.keys, layer.values
    first, last = (1, room) if before >= room else (0, before)
    keys, values = (
        _joined(old[:, :, first:last], fresh)
        for old, fresh in ((layer.keys, key_states), (layer.values, value_states))
    )
    layer.keys, layer.values = keys[:, :, -room:], values[:, :, -room:]
    return keys, values


_UPDATES = {
    "DynamicLayer": _dynamic,
    "DynamicSlidingWindowLayer": _dynamic_window,
    "StaticLayer": _static,
    "StaticSlidingWindowLayer": _static_window,
}


def _initialize(layer: Any, key_states: Tensor, value_states: Tensor) -> None:
    if not layer.is_initialized:
        layer.lazy_initialization(key_states, value_states)


def _joined(cache: Tensor, new: Tensor) -> Tensor:
    """Return the tokens of a cache and the new ones; an empty cache holds nothing that could be moved."""
    return cache_append(cache, new) if cache.numel() else new


def _write(layer: Any, key_states: Tensor, value_states: Tensor) -> None:
    tokens = key_states.shape[-2]
    positions = torch.arange(tokens, device=layer.device) + layer.cumulative_length
    layer.cumulative_length.add_(tokens)
    layer.keys = cache_write(layer.keys, key_states, positions)
    layer.values = cache_write(layer.values, value_states, positions)

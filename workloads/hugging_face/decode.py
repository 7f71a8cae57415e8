"""One step of generation: a model that takes a new token and a cache of earlier ones, all as inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.cache_utils import DynamicCache

from tandemsim.sim.arch.checks import ConfigError, UserError

#: Layers whose tokens are `keys` and `values`.
DYNAMIC, WINDOW = "DynamicLayer", "DynamicSlidingWindowLayer"


class DecodeStep(nn.Module):
    """``model(input_ids, cache)`` with the tensors of the cache as arguments: keys and values of each layer.

    Its modules have the names that they have in the model.
    """

    def __init__(self, model: nn.Module, config: PreTrainedConfig, length: int) -> None:
        super().__init__()
        self._modules, self._parameters, self._buffers = model._modules, model._parameters, model._buffers
        self._step = [model]  # in a list: not a module of its own
        self.config, self.length = config, length

    def forward(self, input_ids: Tensor, *cached: Tensor) -> Any:
        """Return what the model returns for one token a text after `length` tokens in the cache."""
        cache = _filled(self.config, self.length, list(cached))
        return self._step[0](input_ids=input_ids, past_key_values=cache, use_cache=True)[0]


def cached_tensors(model: nn.Module, config: PreTrainedConfig, batch: int, length: int) -> list[Tensor]:
    """Return keys and values of each layer after `length` tokens of `batch` texts, without values.

    Read from a run of two tokens on `meta`. Raises `ConfigError` for a model without such a cache.
    """
    cache = DynamicCache(config=config)
    try:
        with torch.no_grad(), torch.device("meta"):
            model(input_ids=torch.ones(batch, 2, dtype=torch.int64), past_key_values=cache, use_cache=True)
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"a step with a cache failed: {type(error).__name__}: {error}") from error
    shapes = []
    for layer in cache.layers:
        kind = type(layer).__name__
        if kind not in (DYNAMIC, WINDOW) or not layer.is_initialized:
            raise ConfigError(f"--decode takes caches of keys and values, not {kind}")
        kept = min(length, layer.sliding_window - 1) if kind == WINDOW else length
        shapes += [t.new_empty(batch, t.shape[1], kept, t.shape[3]) for t in (layer.keys, layer.values)]
    return shapes


def _filled(config: PreTrainedConfig, length: int, cached: list[Tensor]) -> DynamicCache:
    """Return a cache after `length` tokens that holds these keys and values."""
    cache = DynamicCache(config=config)
    while len(cache.layers) < len(cached) // 2:  # where the config does not say what layers there are
        cache.layers.append(cache.layer_class_to_replicate())
    for layer, keys, values in zip(cache.layers, cached[::2], cached[1::2], strict=True):
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        if type(layer).__name__ == WINDOW:
            layer.cumulative_length = length
    return cache

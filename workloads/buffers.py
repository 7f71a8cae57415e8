"""Values of what a module holds beside its weights, such as masks, kept when it goes to the `meta` device.

A buffer follows from shapes alone, and models look at some: whether a mask is causal, which keys it lets in.
Weights have no values, however they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from tandemsim.workloads.causal_bias import causal_bias_made
from tandemsim.workloads.recipes import MAX_ELEMENTS, Recipes

#: Functions that make a tensor from numbers.
_FROM_NUMBERS = (torch.tensor, torch.as_tensor, torch.asarray)


class FromNumbers(TorchFunctionMode):
    """Keeps the values of tensors that are made from numbers, which the `meta` device forgets."""

    def __init__(self, recipes: Recipes) -> None:
        super().__init__()
        self._recipes = recipes

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in _FROM_NUMBERS and result.device.type == "meta" and not isinstance(args[0], Tensor):
            with _disable_current_modes():
                value = func(*args, **{**kwargs, "device": "cpu"})
            self._recipes.define(result, value)
        return result


class _Noted(TorchDispatchMode):
    """Writes down the calls by which a module is built."""

    def __init__(self, recipes: Recipes) -> None:
        super().__init__()
        self._recipes = recipes

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        self._recipes.note(func, args, kwargs, result)
        return result


@contextmanager
def building(recipes: Recipes) -> Iterator[None]:
    """Build modules on `meta`, and write down how their buffers come about."""
    with causal_bias_made(), torch.device("meta"), FromNumbers(recipes), _Noted(recipes):
        yield


def to_meta(module: nn.Module, recipes: Recipes) -> nn.Module:
    """Return the module on `meta`: buffers from elsewhere keep their values, and weights have none."""
    for part in module.modules():
        for name, buffer in part._buffers.items():
            if buffer is not None and not buffer.is_meta:
                part._buffers[name] = without_values(buffer, recipes)
    on_meta = module.to("meta")
    for parameter in on_meta.parameters():
        recipes.forget(parameter)
    return on_meta


def without_values(buffer: Tensor, recipes: Recipes) -> Tensor:
    """Return a tensor of `meta` like `buffer`, and keep its values if they are not too many."""
    on_meta = buffer.detach().to("meta")
    if buffer.numel() <= MAX_ELEMENTS and not buffer.is_meta:
        recipes.define(on_meta, buffer.detach().cpu())
    return on_meta

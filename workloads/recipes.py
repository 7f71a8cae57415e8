"""Records how a traced model's constants were made, so that their values can be computed on request.

On the `meta` device nothing has a value, yet models look at some: whether a mask is all true, where a range
ends. If that depends on shapes alone, the operators that led to it are run again, on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map


class _Recipe(NamedTuple):
    func: OpOverload
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    position: int  # of the tensor among the operator's results
    tensor: Tensor  # kept alive, so that its identity is not used again


class Recipes:
    """One recipe for each tensor that was made from nothing but shapes and other such tensors."""

    def __init__(self) -> None:
        self._recipes: dict[int, _Recipe] = {}

    def note(self, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Remember a call if all its operands are known. What a call overwrites is unknown afterwards."""
        operands = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        known = all(id(operand) in self._recipes for operand in operands)
        for position, leaf in enumerate(tree_leaves(result)):
            if isinstance(leaf, Tensor):
                if known and not func._schema.is_mutable:
                    self._recipes[id(leaf)] = _Recipe(func, args, kwargs, position, leaf)
                elif func._schema.is_mutable:
                    self._forget(leaf)

    def value(self, tensor: Tensor) -> Tensor | None:
        """Return the tensor's value, None if it depends on an input or a weight."""
        recipe = self._recipes.get(id(tensor))
        if recipe is None:
            return None
        args, kwargs = tree_map(self._made, (recipe.args, dict(recipe.kwargs)))
        result: Tensor = tree_leaves(recipe.func(*args, **kwargs))[recipe.position]
        return result

    def _made(self, argument: Any) -> Any:
        if isinstance(argument, torch.device):
            return torch.device("cpu")
        return self.value(argument) if isinstance(argument, Tensor) else argument

    def _forget(self, written: Tensor) -> None:
        """Drop every tensor that shares the memory of one that is written."""
        memory = written.untyped_storage()._cdata
        shared = [
            key for key, recipe in self._recipes.items() if recipe.tensor.untyped_storage()._cdata == memory
        ]
        for key in shared:
            del self._recipes[key]

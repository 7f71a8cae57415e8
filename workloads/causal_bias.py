"""PyTorch's causal biases (`torch.nn.attention.bias`) as masks whose values are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.attention.bias import CausalBias
from torch.utils._python_dispatch import _disable_current_modes


@contextmanager
def causal_bias_made() -> Iterator[None]:
    """Let a model make such biases: a tensor of another class, which a dispatch mode may not have seen."""

    def new(cls: type[CausalBias], *sizes: Any) -> CausalBias:
        with _disable_current_modes():
            made: CausalBias = Tensor._make_subclass(cls, torch.empty(0))
        return made

    with patch.object(CausalBias, "__new__", new):
        yield


def as_mask(mask: Tensor) -> Tensor:
    """Return the pairs that a bias lets in, bool [queries, keys] on the CPU; another mask as it is."""
    if not isinstance(mask, CausalBias):
        return mask
    with _disable_current_modes():
        pairs: Tensor = mask._materialize(torch.device("cpu"))
    return pairs

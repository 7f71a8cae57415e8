"""FlexAttention as one op with its pattern, while a model is traced.

PyTorch's `flex_attention` takes a function that says which pairs count (``mask_mod``) and one that changes
scores (``score_mod``), and runs neither on the `meta` device. Here the functions are called for all pairs, on
the CPU; what they keep is recognized as a pattern, see `workloads.mask_patterns`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_map

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.masked import MAX_PAIRS, Masked

_MODULE = "torch.nn.attention.flex_attention"
_Value = Callable[[Tensor], "Tensor | None"]


@contextmanager
def on_meta(module: nn.Module) -> Iterator[None]:
    """Let `flex_attention` hand its call on, uncompiled and on any device, to a mode that knows it.

    Block masks that `module` holds go to the `meta` device for as long: their functions say all that counts.
    """
    library = importlib.import_module(_MODULE)  # the model may import it while it runs
    with ExitStack() as stack:
        stack.enter_context(patch(f"{_MODULE}._validate_device", lambda *tensors: None))
        stack.enter_context(patch(f"{_MODULE}._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True))
        for part in module.modules():
            for name, value in list(vars(part).items()):
                if isinstance(value, library.BlockMask):
                    stack.enter_context(patch.object(part, name, value.to("meta")))
        yield


def flex_attention(masked: Masked, args: tuple[Any, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the operator ``flex_attention`` gives for these arguments: output, log-sums and maxima."""
    q, k, v, score_mod, block_mask, scale, *_ = args
    mask = _pairs(masked, q, k, block_mask, score_mod)
    statistics = q.new_empty(q.shape[:3], dtype=torch.float32)
    return masked.attention(q, k, v, mask, scale=scale), statistics, statistics


def _pairs(
    masked: Masked, q: Tensor, k: Tensor, block_mask: tuple[Any, ...], score_mod: Callable[..., Tensor]
) -> Tensor:
    """Return the mask (batch or 1, heads or 1, queries, keys) of the two functions, on the CPU."""
    blocks, mask_mod = block_mask[2], block_mask[-1]
    batch, heads = blocks.shape[:2]
    if batch * heads * q.shape[2] * k.shape[2] > MAX_PAIRS:
        raise ConfigError(
            f"a mask_mod can be read for at most {MAX_PAIRS} pairs of query and key, "
            f"not {batch} x {heads} x {q.shape[2]} x {k.shape[2]}"
        )
    pairs = (q.shape[2], k.shape[2])
    functions = [(mask_mod, (batch, heads, *pairs))]
    if getattr(score_mod, "__module__", "") != _MODULE or score_mod.__name__ != "_identity":
        masked.note("a score_mod is not modeled beyond the pairs that it removes")
        functions.append((score_mod, (q.shape[0], q.shape[1], *pairs)))
    with _disable_current_modes(), torch.device("cpu"), _Known(masked.value):
        mask, *more = [_called(function, lengths) for function, lengths in functions]
        return mask & more[0] if more else mask


def _called(function: Callable[..., Tensor], lengths: tuple[int, ...]) -> Tensor:
    """Return which pairs a function keeps, of shape (batch, heads, queries, keys)."""
    mask: Tensor = importlib.import_module(_MODULE).create_mask(function, *lengths, device="cpu")
    return mask.expand(lengths)


class _Known(TorchDispatchMode):
    """Puts the values of a model's constants in the place of tensors that have none."""

    def __init__(self, value: _Value) -> None:
        super().__init__()
        self._value = value

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        args, kwargs = tree_map(self._known, (args, dict(kwargs or {})))
        return func(*args, **kwargs)

    def _known(self, argument: Any) -> Any:
        if not isinstance(argument, Tensor) or not argument.is_meta:
            return argument
        value = self._value(argument)
        if value is None:
            raise ConfigError("a mask_mod or score_mod reads a tensor whose values a trace does not know")
        return value

"""A module that computes with what its quantized tensors stand for, and can be trained so.

Gradients pass roundings as if they were not there (straight-through estimator, as in ANT's artifact, whose
fine-tuning also learns the scales; here they stay those of the calibration).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from tandemsim.sim.arch.blocks import BlockFormat
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.quantize.rule import Rule
from tandemsim.sim.quantize.tensors import Quantized, quantize_weight
from tandemsim.workloads.quantize.quantizing import QuantizedLayer

Rounding = Callable[[Doubles], Doubles]


class Rounded(nn.Module):
    """Rounds a tensor by a function of float64 arrays."""

    def __init__(self, function: Rounding) -> None:
        super().__init__()
        self.function = function

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return the rounded tensor; its gradient is that of the tensor."""
        values = self.function(given.detach().double().numpy())
        rounded = torch.from_numpy(np.ascontiguousarray(values)).to(given.dtype)
        return given + (rounded - given).detach()


@contextmanager
def quantized(module: nn.Module, layers: Sequence[QuantizedLayer]) -> Iterator[None]:
    """Let the layers round their weights and what they are given, within the block.

    Formats and scales are those of `layers`, but for blocks, whose scales follow from the present values.
    """
    children = dict(module.named_modules())
    hooks = []
    done: list[nn.Module] = []
    try:
        for each in layers:
            child = children[each.layer.name]
            register_parametrization(child, "weight", Rounded(of_weight(each.weight)))
            done.append(child)
            if each.activation is not None:
                before = Rounded(of_activation(each.activation, each.layer.channels))
                hooks.append(child.register_forward_pre_hook(_first(before)))
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for child in done:
            remove_parametrizations(child, "weight", leave_parametrized=False)


def of_weight(found: Quantized) -> Rounding:
    """Return the function that rounds a weight as `found` was."""
    form = found.form
    if isinstance(form, BlockFormat):
        return lambda values: quantize_weight(found.name, values, Rule(form=form)).values
    scales = found.scales.astype(np.float64)
    return lambda values: _on_grid(found, values, scales.reshape(-1, *[1] * (values.ndim - 1)))


def of_activation(found: Quantized, channels: int) -> Rounding:
    """Return the function that rounds an activation as `found` was."""
    form = found.form
    if isinstance(form, BlockFormat):

        def in_blocks(values: Doubles) -> Doubles:
            inner = np.moveaxis(values, channels, -1)
            return np.moveaxis(form.dequantize(form.quantize(inner)), -1, channels)

        return in_blocks
    return lambda values: _on_grid(found, values, found.scales.astype(np.float64))


def _on_grid(found: Quantized, values: Doubles, scales: Doubles) -> Doubles:
    nearest: Doubles = found.element.decode(found.element.encode(values / scales)) * scales
    return nearest


def _first(before: Rounded) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]:
    return lambda module, args: (before(args[0]), *args[1:])

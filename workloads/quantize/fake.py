"""A module that computes with the values that its quantized tensors stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from tandemsim.sim.arch.blocks import BlockFormat
from tandemsim.workloads.quantize.core.tensors import Quantized
from tandemsim.workloads.quantize.quantizing import QuantizedLayer

Rounding = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def quantized(module: nn.Module, layers: Sequence[QuantizedLayer]) -> Iterator[None]:
    """Give the layers their quantized weights and let them round what they are given, within the block.

    Scales of activations are those of the calibration; of blocks, those of each input.
    """
    children = dict(module.named_modules())
    hooks, kept = [], []
    try:
        for each in layers:
            child = children[each.layer.name]
            weight = child.get_parameter("weight")
            kept.append((weight, weight.detach().clone()))
            weight.data.copy_(torch.from_numpy(each.weight.values))
            if each.activation is not None:
                hooks.append(
                    child.register_forward_pre_hook(_before(rounding(each.activation, each.layer.channels)))
                )
        yield
    finally:
        for weight, values in kept:
            weight.data.copy_(values)
        for hook in hooks:
            hook.remove()


def rounding(found: Quantized, channels: int) -> Rounding:
    """Return the function that rounds an activation as `found` was."""
    form = found.form
    if isinstance(form, BlockFormat):

        def in_blocks(given: torch.Tensor) -> torch.Tensor:
            inner = given.detach().movedim(channels, -1)
            back = torch.from_numpy(form.dequantize(form.quantize(inner.double().numpy())))
            return back.movedim(-1, channels).to(given.dtype)

        return in_blocks
    scale = float(found.scales[0])

    def on_grid(given: torch.Tensor) -> torch.Tensor:
        values = form.decode(form.encode(given.detach().double().numpy() / scale)) * scale
        return torch.from_numpy(values).to(given.dtype)

    return on_grid


def _before(function: Rounding) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]:
    def hook(_: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (function(args[0]), *args[1:])

    return hook

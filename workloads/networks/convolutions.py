"""A convolution with its batch normalization and activation: the brick of most of the networks here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Sides = int | tuple[int, int]


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalization, activation: (batch, in, h, w) to (batch, out, h', w').

    `slope` is what the activation multiplies negative numbers by: 0 is ReLU, None no activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sides,
        stride: int = 1,
        padding: Sides = 0,
        slope: float | None = 0.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps)
        if slope is None:
            self.act: nn.Module = nn.Identity()
        else:
            self.act = nn.LeakyReLU(slope) if slope else nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.act(self.norm(self.conv(image)))
        return output


class Branches(nn.Module):
    """Several modules on one image, their channels put together in the order of the branches."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([branch(image) for branch in self.children()], dim=1)

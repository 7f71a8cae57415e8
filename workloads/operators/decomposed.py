"""Operators that a trace says in several ops: each is run as simpler ones, which are recorded instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tandemsim.sim.arch.checks import ConfigError

aten = torch.ops.aten


def simpler(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
    """Return what to run in place of a call, None to record the call itself."""
    rule = _RULES.get(name)
    return None if rule is None else rule(*args, **kwargs)


def _r2c(x: Tensor, dim: list[int], normalization: int, onesided: bool) -> Callable[[], Tensor] | None:
    if len(dim) == 1:
        return None
    return lambda: aten._fft_c2c(
        aten._fft_r2c(x, dim[-1:], normalization, onesided), dim[:-1], normalization, True
    )


def _c2c(x: Tensor, dim: list[int], normalization: int, forward: bool) -> Callable[[], Tensor] | None:
    """A transform along several axes is one along each, and none along no axis."""
    if len(dim) == 1:
        return None

    def each() -> Tensor:
        result = x
        for axis in dim:
            result = aten._fft_c2c(result, [axis], normalization, forward)
        return result

    return each


def _c2r(x: Tensor, dim: list[int], normalization: int, last_dim_size: int) -> Callable[[], Tensor] | None:
    if len(dim) == 1:
        return None
    return lambda: aten._fft_c2r(
        aten._fft_c2c(x, dim[:-1], normalization, False), dim[-1:], normalization, last_dim_size
    )


def _trilinear(
    x: Tensor, weight: Tensor, y: Tensor, expand1: list[int], expand2: list[int], expand3: list[int],
    sumdim: list[int], unroll_dim: int = 1,
) -> Callable[[], Tensor]:  # fmt: skip
    """x (batch, i), weight (outputs, i, j), y (batch, j): x times the weight, that times y."""
    if (expand1, expand2, expand3, sumdim) != ([1, 3], [0], [1, 2], [2, 3]):
        raise ConfigError("a traced _trilinear must be that of a bilinear layer")
    outputs, i, j = weight.shape

    def products() -> Tensor:
        half = torch.mm(x, weight.transpose(0, 1).reshape(i, outputs * j))
        return torch.bmm(half.view(-1, outputs, j), y.unsqueeze(2)).squeeze(2)

    return products


def _affine_grid(theta: Tensor, size: list[int], align_corners: bool) -> Callable[[], Tensor]:
    """theta (batch, d, d + 1): a product with the places of all pixels, which are constants."""
    batch, _, *sides = size
    places = math.prod(sides)

    def product() -> Tensor:
        grid = theta.new_empty(places, len(sides) + 1).expand(batch, -1, -1)
        return torch.bmm(grid, theta.transpose(1, 2)).view(batch, *sides, len(sides))

    return product


_RULES: dict[str, Callable[..., Callable[[], Any] | None]] = {
    "_fft_r2c": _r2c,
    "_fft_c2c": _c2c,
    "_fft_c2r": _c2r,
    "_trilinear": _trilinear,
    "affine_grid_generator": _affine_grid,
}

"""Inputs of a model to export: their shapes, as given on the command line, and random values for a run."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.workloads.tensors import DTYPES

_DTYPES = {name: dtype for dtype, name in DTYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input. Whole numbers are drawn from first..end-1, others from a normal distribution."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    first: int = 0
    end: int = 2  # assumed: without a given range, indices that every table has

    def __post_init__(self) -> None:
        require(0 not in self.shape, "an input's lengths must be positive", list(self.shape))
        if self.dtype not in _DTYPES:
            raise ConfigError(nearest("type of input", self.dtype, _DTYPES))
        require(self.first < self.end, f"an input's range must end above {self.first}", self.end)

    def __str__(self) -> str:
        return "x".join(map(str, self.shape)) + f":{self.dtype}"

    def meta(self) -> Tensor:
        """Return a tensor of this shape without values."""
        return torch.empty(self.shape, dtype=_DTYPES[self.dtype], device="meta")

    def random(self, generator: torch.Generator) -> Tensor:
        """Return random values."""
        dtype = _DTYPES[self.dtype]
        if dtype.is_floating_point:
            return torch.randn(self.shape, generator=generator).to(dtype)
        return torch.randint(self.first, self.end, self.shape, generator=generator).to(dtype)


def parse_input(text: str) -> InputSpec:
    """Parse ``1x3x224x224``, ``1x128:int64`` or ``1x128:int64:30522``, the last with values below 30522."""
    match = re.fullmatch(r"(\d+(?:x\d+)*)(?::([a-z]+\d+))?(?::(\d+))?", text)
    if match is None:
        raise ConfigError(f"--input takes SHAPE[:TYPE[:END]], such as 1x128:int64:30522, not {text!r}")
    lengths, dtype, end = match.groups()
    shape = tuple(int(length) for length in lengths.split("x"))
    return InputSpec(shape=shape, dtype=dtype or "float32", end=int(end or InputSpec(shape=(1,)).end))

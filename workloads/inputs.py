"""Inputs of a model to export: their shapes, as given on the command line, and random values for a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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


#: What an argument of a model may be: a tensor's shape, a whole number or a truth value.
Argument = InputSpec | int | bool


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a model is called with: those of no name in order, and the others."""

    listed: tuple[InputSpec, ...] = ()
    named: Mapping[str, Argument] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.listed or self.named)

    def lines(self) -> list[str]:
        """Return each as `parse_argument` takes it, without the range of values."""
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.named.items()
        }
        return [*map(str, self.listed), *(f"{name}={text}" for name, text in texts.items())]

    def meta(self) -> tuple[list[Tensor], dict[str, Any]]:
        """Return both kinds, tensors without values."""
        named = {
            name: value.meta() if isinstance(value, InputSpec) else value
            for name, value in self.named.items()
        }
        return [spec.meta() for spec in self.listed], named

    def random(self, generator: torch.Generator) -> tuple[list[Tensor], dict[str, Any]]:
        """Return both kinds, tensors with random values."""
        listed = [spec.random(generator) for spec in self.listed]
        return listed, {
            name: value.random(generator) if isinstance(value, InputSpec) else value
            for name, value in self.named.items()
        }


def parse_input(text: str) -> InputSpec:
    """Parse ``1x3x224x224``, ``1x128:int64`` or ``1x128:int64:30522``, the last with values below 30522."""
    match = re.fullmatch(r"(\d+(?:x\d+)*)(?::([a-z]\w*))?(?::(\d+))?", text)
    if match is None:
        raise ConfigError(f"--input takes SHAPE[:TYPE[:END]], such as 1x128:int64:30522, not {text!r}")
    lengths, dtype, end = match.groups()
    shape = tuple(int(length) for length in lengths.split("x"))
    return InputSpec(shape=shape, dtype=dtype or "float32", end=int(end or InputSpec(shape=(1,)).end))


def parse_arguments(texts: Iterable[str]) -> Arguments:
    """Parse inputs as the command line gives them, each with its name before ``=`` where it has one.

    A named argument may also be a whole number, ``frames=8``, or ``true`` or ``false``; a named tensor of one
    axis states its type, ``positions=8:int64``. Raises `ConfigError`.
    """
    listed: list[InputSpec] = []
    named: dict[str, Argument] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            require(not named, "an --input without a name must come before those with one", text)
            listed.append(parse_input(text))
            continue
        require(name.isidentifier(), "the name of an --input must be that of an argument", name)
        require(name not in named, "an argument must be given once", name)
        named[name] = _parse_value(value)
    return Arguments(tuple(listed), named)


def _parse_value(text: str) -> Argument:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else parse_input(text)

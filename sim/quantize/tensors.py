"""One quantized tensor: its format, its scales, what it stores, and its error."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.blocks import SCALE_BITS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.quantize.blocks import searched
from tandemsim.sim.quantize.choice import Choice, best_of, is_signed
from tandemsim.sim.quantize.finite import as_doubles
from tandemsim.sim.quantize.rule import CHANNEL, Rule
from tandemsim.sim.quantize.scales import STORES, rounded

TENSOR_SCALE_BITS = 32  # of NVFP4


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """A tensor and what it became. `values` are those that the codes and scales stand for."""

    name: str
    form: CodeFormat | BlockFormat
    axis: int | None  # one scale for each index along it; None: one, or blocks
    scales: npt.NDArray[np.generic]  # as stored: [channels], [1], or codes of blocks' scales [rows, blocks]
    scale_bits: int  # of all scales
    tensor_scale: float = 1.0  # beside those of blocks, of NVFP4
    values: Doubles
    mse: float
    power: float  # mean square of the tensor

    @property
    def element(self) -> CodeFormat:
        """The format of one element."""
        return self.form.element if isinstance(self.form, BlockFormat) else self.form

    @property
    def bits(self) -> int:
        """Bits of one element, without scales."""
        return self.element.bits

    @property
    def stored_bits(self) -> float:
        """Bits of an element with its share of the scales."""
        return self.bits + self.scale_bits / self.values.size

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise in decibels; infinite without an error."""
        return decibels(self.power, self.mse)

    @property
    def relative_error(self) -> float:
        """Mean squared error over mean square; 0 for zeros."""
        return self.mse / self.power if self.power else 0.0


def decibels(power: float, noise: float) -> float:
    """Return a ratio of powers in decibels."""
    return 10 * math.log10(power / noise) if noise else math.inf


def quantize_weight(name: str, values: npt.ArrayLike, rule: Rule) -> Quantized:
    """Quantize a weight whose first dimension is the output channels. Raises `ConfigError`, which names it.

    Weights are signed. Blocks lie along the reduced dimensions, input channels innermost.
    """
    given = np.atleast_1d(as_doubles(name, values))
    if isinstance(rule.form, BlockFormat):
        inner = np.moveaxis(given, 1, -1) if given.ndim > 1 else given[None]
        found = _in_blocks(name, inner.reshape(inner.shape[0], -1), rule.form, rule.near)
        values = np.moveaxis(found.values.reshape(inner.shape), -1, 1)
        return replace(found, values=values.reshape(given.shape))
    rows = given.reshape(given.shape[0] if rule.per == CHANNEL else 1, -1)
    return _chosen(name, given, rows, rule, signed=True, axis=0 if rule.per == CHANNEL else None)


def quantize_activation(name: str, values: npt.ArrayLike, rule: Rule, channels: int = -1) -> Quantized:
    """Quantize an activation: one scale, without a sign unless a value is negative.

    Blocks lie along the dimension `channels`.
    """
    given = as_doubles(name, values)
    if isinstance(rule.form, BlockFormat):
        inner = np.moveaxis(given, channels, -1)
        found = _in_blocks(name, inner, rule.form, rule.near)
        return replace(found, values=np.moveaxis(found.values, -1, channels))
    return _chosen(name, given, given.reshape(1, -1), rule, signed=is_signed(given), axis=None)


def _chosen(
    name: str, given: Doubles, rows: Doubles, rule: Rule, signed: bool, axis: int | None
) -> Quantized:
    try:
        choice: Choice = best_of(rows, rule.formats(signed), rule.span, rule.store)
    except ConfigError as error:
        raise ConfigError(f"tensor {shown(name)}: {error}") from None
    scales = choice.scales.scale
    return Quantized(
        name=name,
        form=choice.form,
        axis=axis,
        scales=scales.astype(rule.store),
        scale_bits=scales.size * STORES[rule.store],
        values=rounded(rows, choice.form, scales).reshape(given.shape),
        mse=choice.mse,
        power=mean_square(given),
    )


def _in_blocks(name: str, rows: Doubles, form: BlockFormat, near: bool) -> Quantized:
    blocks = searched(rows, form) if near else form.quantize(rows)
    values = form.dequantize(blocks)
    return Quantized(
        name=name,
        form=form,
        axis=None,
        scales=blocks.scales.astype(np.uint8),
        scale_bits=blocks.scales.size * SCALE_BITS + TENSOR_SCALE_BITS * form.float_scale,
        tensor_scale=blocks.tensor_scale,
        values=values,
        mse=mean_square(values - rows),
        power=mean_square(rows),
    )


def mean_square(values: Doubles) -> float:
    """Return the mean of the squares."""
    power = int(np.frexp(np.abs(values).max())[1])
    return float(np.ldexp((np.ldexp(values, -power) ** 2).mean(), 2 * power))

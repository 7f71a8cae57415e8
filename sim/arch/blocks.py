"""Block formats: elements of few bits that share a scale with their neighbors along the reduced dimension.

Obeys: the OCP Microscaling Formats specification, version 1.0 (sections 5.2 and 6.3), for MXFP4, MXFP6 and
MXINT8; NVIDIA's description of NVFP4 (blocks of 16 with an E4M3 scale, and a float32 scale of the tensor).
A quantized tensor is two arrays, codes and scales; both count as storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind, Ties
from tandemsim.sim.arch.types import Doubles, Integers

E8M0_BIAS, E8M0_NAN = 127, 255
SCALE_BITS = 8  # of E8M0 and of E4M3
MXINT8_UNIT = 2.0**-6  # section 5.3.4


class Blocks(NamedTuple):
    """A quantized tensor: K elements a row, in blocks of `length`, of which the last may be shorter."""

    codes: Integers  # [..., K]
    scales: Integers  # [..., ceil(K / length)], codes of E8M0 or E4M3
    tensor_scale: float  # 1 unless NVFP4


@dataclass(frozen=True)
class BlockFormat:
    """Elements of one format, `length` of them with one scale."""

    name: str
    element: CodeFormat
    length: int
    unit: float  # what a value of 1 of the element format stands for, before the scale
    float_scale: bool = False  # E4M3, and a scale of the tensor; else E8M0

    @property
    def bits(self) -> float:
        """Storage of an element in bits, its share of the scale included."""
        return self.element.bits + SCALE_BITS / self.length

    @property
    def largest(self) -> float:
        """The largest element, before the scale."""
        return self.element.largest * self.unit

    def quantize(self, values: npt.ArrayLike) -> Blocks:
        """Quantize along the last dimension. Raises `ValueError` for what is not finite."""
        given = self._checked(values)
        peaks = np.abs(_padded(given, self.length)).max(axis=-1, initial=0.0)
        tensor_scale = 1.0
        if self.float_scale:
            most = SCALE.largest * SCALE.unit * self.largest
            tensor_scale = float(np.float32(peaks.max(initial=0.0) / most)) or 1.0
            scales = SCALE.encode(peaks / (self.largest * tensor_scale) / SCALE.unit)
        else:
            scales = _shared_exponent(peaks, self.largest)
        return self.quantize_with(given, scales, tensor_scale)

    def quantize_with(self, values: npt.ArrayLike, scales: Integers, tensor_scale: float = 1.0) -> Blocks:
        """Quantize along the last dimension with scales [..., ceil(K / length)] that are given."""
        given = self._checked(values)
        padded, length = _padded(given, self.length), given.shape[-1]
        factor = self.steps(scales, tensor_scale)[..., None]
        inside = np.divide(padded, factor, out=np.zeros_like(padded), where=factor > 0)
        codes = self.element.encode(inside).reshape(*padded.shape[:-2], -1)[..., :length]
        return Blocks(codes, scales, tensor_scale)

    def dequantize(self, blocks: Blocks) -> Doubles:
        """Return the values that a quantized tensor stands for."""
        steps = np.repeat(self.steps(blocks.scales, blocks.tensor_scale), self.length, axis=-1)
        values: Doubles = self.element.decode(blocks.codes) * steps[..., : blocks.codes.shape[-1]]
        return values

    def steps(self, scales: Integers, tensor_scale: float = 1.0) -> Doubles:
        """Return what a value of 1 of the element format stands for in each block, from its scale's code."""
        return self._factors(scales) * tensor_scale * self.unit

    def _checked(self, values: npt.ArrayLike) -> Doubles:
        given = np.asarray(values, np.float64)
        if not np.isfinite(given).all():
            raise ValueError(f"only finite values become {self.name}")
        return given

    def _factors(self, scales: Integers) -> Doubles:
        if self.float_scale:
            return SCALE.decode(scales) * SCALE.unit
        return e8m0_value(scales)


def e8m0_value(codes: npt.ArrayLike) -> Doubles:
    """Return the powers of two that codes of E8M0 stand for, and NaN."""
    given = np.asarray(codes, np.int64)
    return np.where(
        given == E8M0_NAN, np.nan, np.ldexp(1.0, np.where(given == E8M0_NAN, 0, given - E8M0_BIAS))
    )


def _shared_exponent(peaks: Doubles, largest: float) -> Integers:
    """Return the E8M0 codes of blocks: the exponent of the peak less that of the largest element."""
    exponent = np.frexp(peaks)[1] - 1 - (int(np.frexp(largest)[1]) - 1)
    return np.where(peaks > 0, np.clip(exponent + E8M0_BIAS, 0, E8M0_NAN - 1), 0).astype(np.int64)


def _padded(values: Doubles, length: int) -> Doubles:
    """Return (..., blocks, length), zeros behind the last element."""
    missing = -values.shape[-1] % length
    filled = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
    return filled.reshape(*values.shape[:-1], -1, length)


SCALE = FORMATS["e4m3"]
_INT8 = CodeFormat(Kind.INT, True, 8, ties=Ties.EVEN)
_ALL = (
    BlockFormat("mxfp4", FORMATS["e2m1"], 32, FORMATS["e2m1"].unit),
    BlockFormat("mxfp6-e2m3", FORMATS["e2m3"], 32, FORMATS["e2m3"].unit),
    BlockFormat("mxfp6-e3m2", FORMATS["e3m2"], 32, FORMATS["e3m2"].unit),
    BlockFormat("mxint8", _INT8, 32, MXINT8_UNIT),
    BlockFormat("nvfp4", FORMATS["e2m1"], 16, FORMATS["e2m1"].unit, float_scale=True),
)
#: Every block format by name.
BLOCK_FORMATS: Mapping[str, BlockFormat] = MappingProxyType({each.name: each for each in _ALL})

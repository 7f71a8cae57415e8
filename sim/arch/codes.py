"""Number formats of few bits, each code as ``base * 2**shift``: integers, powers of two, flint, small floats.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286) for int, PoT and flint; the OCP Microscaling Formats specification,
version 1.0, section 5.3, for E2M1, E2M3, E3M2, E4M3 and E5M2. Values are whole numbers, in units of the
smallest value above zero (`CodeFormat.unit` is what the specification gives that unit). Encoding rounds to
the nearest value, with the tie rule of the format's authors.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, require, require_integers
from tandemsim.sim.arch.types import Bools, Doubles, Integers

MIN_BITS, MAX_BITS = 3, 8


class Kind(enum.StrEnum):
    """Families of formats."""

    INT = "int"
    POT = "pot"  # powers of two
    FLINT = "flint"  # ANT's type: mantissa bits where values are frequent
    FLOAT = "float"  # exponent and mantissa, subnormals


class Ties(enum.Enum):
    """Which of two equally near values a number becomes."""

    UP = "up"  # the larger one, of negative numbers too: ANT's artifact
    EVEN = "even"  # the one whose code is even: OCP, IEEE 754


#: Codes of the specification that are no numbers, by (exponent bits, mantissa bits): the highest magnitudes.
NOT_FINITE: Mapping[tuple[int, int], int] = MappingProxyType({(4, 3): 1, (5, 2): 4})


@dataclass(frozen=True)
class CodeFormat:
    """A format: `bits` in all, the sign among them. Signed formats but int are sign and magnitude."""

    kind: Kind
    signed: bool
    bits: int
    mantissa: int = 0  # of a float
    ties: Ties = Ties.UP

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, MIN_BITS, "bits", maximum=MAX_BITS)
            with rules.apart():
                require_integers(self, 0, "mantissa", maximum=MAX_BITS - 1)
            if self.kind is not Kind.FLOAT:
                rules.require(
                    self.mantissa == 0, "CodeFormat.mantissa must be 0 unless of a float", self.mantissa
                )
        if self.kind is Kind.FLOAT:
            rule = f"CodeFormat.mantissa must leave an exponent bit of {self.magnitude_bits} magnitude bits"
            require(self.mantissa < self.magnitude_bits, rule, self.mantissa)

    @property
    def name(self) -> str:
        """How the format is called: `flint4`, `int8u` (unsigned), `e2m1`."""
        stem = f"e{self.exponent}m{self.mantissa}" if self.kind is Kind.FLOAT else f"{self.kind}{self.bits}"
        return stem + ("" if self.signed else "u")

    @property
    def magnitude_bits(self) -> int:
        """Bits beside the sign."""
        return self.bits - self.signed

    @property
    def exponent(self) -> int:
        """Exponent bits of a float."""
        return self.magnitude_bits - self.mantissa

    @property
    def unit(self) -> float:
        """The smallest value above zero that the specification gives a float; 1 for the other kinds."""
        if self.kind is not Kind.FLOAT:
            return 1.0
        bias = (1 << (self.exponent - 1)) - 1 if self.exponent else 0
        return float(2.0 ** (1 - bias - self.mantissa))

    @cached_property
    def base(self) -> Integers:
        """The base of each code, int64 [2**bits]."""
        return _frozen(self._tables[0])

    @cached_property
    def shift(self) -> Integers:
        """The shift of each code, int64 [2**bits]."""
        return _frozen(self._tables[1])

    @cached_property
    def value(self) -> Doubles:
        """The value of each code, exact in float64; NaN for one that is not finite."""
        values = np.ldexp(self.base.astype(np.float64), self.shift)
        return _frozen(np.where(self.finite, values, np.nan))

    @cached_property
    def finite(self) -> Bools:
        """Whether each code stands for a number, bool [2**bits]."""
        codes = np.arange(1 << self.bits) & ((1 << self.magnitude_bits) - 1)
        above = NOT_FINITE.get((self.exponent, self.mantissa), 0) if self._standard else 0
        return _frozen(codes < (1 << self.magnitude_bits) - above)

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(np.nanmax(self.value))

    @cached_property
    def grid(self) -> Doubles:
        """The distinct values, ascending."""
        return _frozen(self.value[self._grid_codes])

    def decode(self, codes: npt.ArrayLike) -> Doubles:
        """Return the values of codes."""
        values: Doubles = self.value[np.asarray(codes)]
        return values

    def encode(self, values: npt.ArrayLike) -> Integers:
        """Return the codes of the nearest values; what lies outside takes the bound.

        Raises `ValueError` for what is not finite.
        """
        given = np.asarray(values, np.float64)
        if not np.isfinite(given).all():
            raise ValueError(f"only finite values become {self.name}")
        place = np.searchsorted(self._midpoints, given, side="right")
        if self.ties is Ties.EVEN:
            below = np.searchsorted(self._midpoints, given, side="left")
            place = np.where(self._grid_codes[below] % 2 == 0, below, place)
        codes: Integers = self._grid_codes[place]
        return codes

    @property
    def _standard(self) -> bool:
        return self.kind is Kind.FLOAT and self.ties is Ties.EVEN

    @cached_property
    def _midpoints(self) -> Doubles:
        # exact: but for zero, neighbors differ by a factor of two at most
        return _frozen((self.grid[:-1] + self.grid[1:]) / 2)

    @cached_property
    def _grid_codes(self) -> Integers:
        """The code of each distinct value, ascending by value; of zeros the one without a sign."""
        codes = np.flatnonzero(self.finite)
        _, first = np.unique(self.value[codes], return_index=True)
        return _frozen(codes[first].astype(np.int64))

    @cached_property
    def _tables(self) -> tuple[Integers, Integers]:
        codes = np.arange(1 << self.bits, dtype=np.int64)
        if self.kind is Kind.INT:
            wrapped = codes - ((codes >> (self.bits - 1)) << self.bits if self.signed else 0)
            return wrapped, np.zeros_like(codes)
        magnitude = codes & ((1 << self.magnitude_bits) - 1)
        base, shift = _MAGNITUDES[self.kind](self, magnitude)
        negative = codes >> self.magnitude_bits == 1
        return np.where(negative, -base, base), shift


def _pot(form: CodeFormat, code: Integers) -> tuple[Integers, Integers]:
    """0, then ``2**(code - 1)``."""
    return np.minimum(code, 1), np.maximum(code - 1, 0)


def _flint(form: CodeFormat, code: Integers) -> tuple[Integers, Integers]:
    """Top bit 0: the integer x of the other bits; 1: ``2 x * 4**z``, z the leading zeros of x, and of x = 0
    the largest value, ``4**(n - 1)``.
    """
    low = form.magnitude_bits - 1
    x = code & ((1 << low) - 1)
    zeros = low - np.ceil(np.log2(x + 1)).astype(np.int64)
    upper = code >> low == 1
    base = np.where(upper & (x == 0), 1, x)
    shift = np.where(upper, np.where(x == 0, 2 * low, 2 * zeros + 1), 0)
    return base, shift


def _float(form: CodeFormat, code: Integers) -> tuple[Integers, Integers]:
    """Subnormal j; else ``(2**m + j) * 2**(e - 1)``."""
    exponent, j = code >> form.mantissa, code & ((1 << form.mantissa) - 1)
    return np.where(exponent > 0, (1 << form.mantissa) + j, j), np.maximum(exponent - 1, 0)


_MAGNITUDES = {Kind.POT: _pot, Kind.FLINT: _flint, Kind.FLOAT: _float}


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


#: Exponent and mantissa bits of the specification's floats.
OCP_FLOATS = ((2, 1), (2, 3), (3, 2), (4, 3), (5, 2))


def _formats() -> list[CodeFormat]:
    """Return every format of `MIN_BITS` to `MAX_BITS`."""
    formats = []
    for signed in (True, False):
        for bits in range(MIN_BITS, MAX_BITS + 1):
            formats += [CodeFormat(kind, signed, bits) for kind in (Kind.INT, Kind.POT, Kind.FLINT)]
            for mantissa in range(bits - signed):
                standard = signed and (bits - signed - mantissa, mantissa) in OCP_FLOATS
                ties = Ties.EVEN if standard else Ties.UP
                formats.append(CodeFormat(Kind.FLOAT, signed, bits, mantissa, ties))
    return formats


#: Every format by name: ``int4``, ``flint4u`` (unsigned), ``e2m1``.
FORMATS: Mapping[str, CodeFormat] = MappingProxyType({each.name: each for each in _formats()})


def code_format(name: str) -> CodeFormat:
    """Return a format by name. `ConfigError` says the bits that a kind has, or names the nearest format."""
    if name in FORMATS:
        return FORMATS[name]
    match = re.fullmatch(r"(int|pot|flint)(\d+)u?", name)
    if match is not None:
        raise ConfigError(f"{match[1]} must have {MIN_BITS} to {MAX_BITS} bits, not {match[2]}")
    raise ConfigError(nearest("number format", name, FORMATS))

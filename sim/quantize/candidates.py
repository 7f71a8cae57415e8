"""Which number formats a tensor may take: the artifact's five sets of types, and the format of each.

Obeys: ANT's artifact (github.com/clevercool/ANT-Quantization, commit bc84067), `quant_modules.py`: the order
in which types are tried, three exponent bits for a float, and integers alone above six bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tandemsim.sim.arch.codes import CodeFormat, Kind

#: Types in the order in which they are tried; of two with the same error the first one is taken.
ORDER = (Kind.INT, Kind.FLINT, Kind.POT, Kind.FLOAT)
#: The sets that the paper compares. IP-F is what it ships.
CANDIDATES: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "Int": (Kind.INT,),
        "IP": (Kind.INT, Kind.POT),
        "FIP": (Kind.INT, Kind.POT, Kind.FLOAT),
        "IP-F": (Kind.INT, Kind.FLINT, Kind.POT),
        "FIP-F": (Kind.INT, Kind.FLINT, Kind.POT, Kind.FLOAT),
    }
)
INT_ABOVE = 6  # bits; a wider tensor is of integers, whatever the set
FLOAT_EXPONENT = 3  # bits of a float's exponent, as long as there are as many


def format_of(kind: Kind, bits: int, signed: bool) -> CodeFormat:
    """Return the artifact's format of a type. Its floats too round ties up, unlike OCP's of the same name."""
    if kind is not Kind.FLOAT:
        return CodeFormat(kind, signed, bits)
    magnitude = bits - signed
    return CodeFormat(kind, signed, bits, magnitude - min(FLOAT_EXPONENT, magnitude))


def formats_of(kinds: Iterable[Kind], bits: int, signed: bool) -> list[CodeFormat]:
    """Return the formats to try, in the artifact's order."""
    allowed = {Kind.INT} if bits > INT_ABOVE else set(kinds)
    return [format_of(kind, bits, signed) for kind in ORDER if kind in allowed]

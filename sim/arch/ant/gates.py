"""Gates of the ANT array's units, in areas of a NAND2: estimates until its circuit is counted.

Measured on prototypes of the units, mapped to the cells of `sim.arch.cells` for area alone: some 5 % of
noise, 20 % where adders of 32 bits are inside. What has not been counted has no number here, and no area.
"""

from __future__ import annotations

from tandemsim.sim.arch.ant.config import BYTE, AntArray
from tandemsim.sim.arch.ant.widths import NIBBLE, PEClass, pe_class
from tandemsim.sim.arch.cells import NAND2_UM2
from tandemsim.sim.arch.codes import CodeFormat, Kind

# A decoder: of integers alone; of int, PoT and flint; of these and small floats.
DECODER_INTEGERS, DECODER_TYPES, DECODER_FLOATS = 3, 66, 77
# An encoder of 4 bits: of integers alone; of all six types.
ENCODER_INTEGERS, ENCODER_TYPES = 105, 256
# A tap, which ends a block's sum in a column: with power-of-two scales, as MXFP4; with E4M3's, NVFP4.
TAP_SHIFT, TAP_MULTIPLY = 1148, 2469
# A PE that keeps weights: integers of 4 bits, which join for 8; types of class A or B; integers of 8 bits.
WEIGHT_PE = {"nibbles": 782, PEClass.A: 802, PEClass.B: 1000, "bytes": 1271}
# A PE that keeps sums, of class A, by the width of its accumulator.
OUTPUT_PE = {20: 956, 24: 1062, 32: 1245}


def has_types(array: AntArray) -> bool:
    """Return whether the array decodes anything but integers."""
    return array.pe_bits == NIBBLE and any(not _is_integer(form) for form in array.code_formats)


def decoder_nand2(array: AntArray) -> int:
    """Return the gates of a decoder; an array of wider PEs has none."""
    if array.pe_bits != NIBBLE:
        return 0
    if not has_types(array):
        return DECODER_INTEGERS
    is_float = any(form.kind is Kind.FLOAT for form in array.code_formats)
    return DECODER_FLOATS if is_float else DECODER_TYPES


def encoder_nand2(array: AntArray) -> int:
    """Return the gates of an encoder; an array of wider PEs has none: it cuts and rounds."""
    if array.pe_bits != NIBBLE:
        return 0
    return ENCODER_TYPES if has_types(array) else ENCODER_INTEGERS


def tap_nand2(block_format: str) -> int:
    """Return the gates of a tap; assumed: all formats with power-of-two scales have that of MXFP4."""
    return TAP_MULTIPLY if block_format == "nvfp4" else TAP_SHIFT


def pe_nand2(array: AntArray) -> int | None:
    """Return the gates of a PE; None where none was counted."""
    if not array.stationary:
        is_counted = has_types(array) and pe_class(array.code_formats) is PEClass.A
        return OUTPUT_PE.get(array.accumulator_width) if is_counted else None
    if array.pe_bits == NIBBLE:
        return WEIGHT_PE[pe_class(array.code_formats) if has_types(array) else "nibbles"]
    return WEIGHT_PE["bytes"] if array.pe_bits == BYTE else None


def array_mm2(array: AntArray) -> float | None:
    """Return the estimated area of PEs, decoders and encoders: cells alone, no wires, no scratchpads.

    None where the PE was not counted.
    """
    pe = pe_nand2(array)
    if pe is None:
        return None
    edges = (array.rows + array.cols) * decoder_nand2(array) + array.cols * encoder_nand2(array)
    return (array.pes * pe + edges) * NAND2_UM2 / 1e6


def _is_integer(form: CodeFormat) -> bool:
    return form.kind is Kind.INT

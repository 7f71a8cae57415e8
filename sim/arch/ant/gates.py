"""Gate counts of the ANT circuits, and from them the area of an array and what its edges cost.

Measured, as those of SALO are: `python -m rtl.synth --machine ant` maps the circuits to the same cells, for
area alone, and says whether these tables still hold; docs/synthesis.md says what that leaves out. A count is
in areas of a NAND2, memories apart. What has not been counted has no number here, and no area. Taps are not
counted yet: their numbers are estimates from prototypes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Overflow
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.widths import NIBBLE, pe_class
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.cells import NAND2_UM2
from tandemsim.sim.arch.codes import Kind
from tandemsim.sim.arch.wires import width

_TYPES = AntArray().formats
FOOT_WIDTH = AntArray().foot_width  # of the feet that were counted

# The arrays whose decoders, encoders and PEs were counted.
ARRAYS: Mapping[str, AntArray] = {
    "int4": AntArray(formats=("int4", "int4u")),
    "nibbles": AntArray(formats=("int4", "int4u", "int8", "int8u")),  # which join: a fused 4/8-bit PE
    "types": AntArray(),
    "floats": AntArray(formats=(*_TYPES, "e2m1")),
    "class A": AntArray(),
    "class B": AntArray(formats=(*_TYPES, "flint6")),
    "int6": AntArray(pe_bits=6, formats=("int6", "int6u")),
    "int8": AntArray(pe_bits=8, formats=("int8", "int8u")),
}


class Unit(NamedTuple):
    """A unit that was counted: in which of `ARRAYS`, and for a PE with how wide an accumulator."""

    name: str
    array: str
    width: int = 0


# What `python -m rtl.synth --machine ant` finds, whatever else it is given.
GATES: Mapping[Unit, int] = {
    Unit("operand_decoder", "int4"): 7,
    Unit("operand_decoder", "nibbles"): 12,
    Unit("operand_decoder", "types"): 74,
    Unit("operand_decoder", "floats"): 81,
    Unit("operand_decoder", "int6"): 9,
    Unit("operand_decoder", "int8"): 12,
    Unit("code_encoder", "int4"): 36,
    Unit("code_encoder", "nibbles"): 108,
    Unit("code_encoder", "types"): 242,
    Unit("code_encoder", "floats"): 326,
    Unit("weight_pe", "int4", 14): 557,
    Unit("weight_pe", "nibbles", 18): 712,
    Unit("weight_pe", "nibbles", 20): 740,
    Unit("weight_pe", "class A", 20): 802,
    Unit("weight_pe", "class B", 24): 948,
    Unit("weight_pe", "class B", 28): 992,
    Unit("weight_pe", "int8", 22): 1228,
    Unit("weight_pe", "int8", 23): 1244,
    Unit("weight_pe", "int8", 24): 1250,
    Unit("output_pe", "int4", 14): 718,
    Unit("output_pe", "nibbles", 17): 846,
    Unit("output_pe", "nibbles", 18): 897,
    Unit("output_pe", "class A", 20): 955,
    Unit("output_pe", "class A", 24): 1073,
    Unit("output_pe", "class A", 32): 1290,
    Unit("output_pe", "int6", 18): 1024,
    Unit("output_pe", "int8", 22): 1378,
}
# A tap, which ends a block's sum in a column: with power-of-two scales, as MXFP4; with E4M3's, NVFP4. Both
# are of prototypes.
TAP_SHIFT, TAP_MULTIPLY = 1148, 2469


class EdgeGates(NamedTuple):
    """What lies around the PEs and decoders of an array."""

    foot: int  # a column's share
    gemm_controller: int
    skew_bit: float  # one of `skew_bits`


class Edge(NamedTuple):
    """What the gates around the PEs follow from."""

    dataflow: str  # of the circuit: what stays in the PEs
    joins: bool  # nibbles


# Each row: what `python -m rtl.synth --machine ant` with these arguments finds.
EDGES: Mapping[Edge, EdgeGates] = {
    Edge("ws", True): EdgeGates(692, 1224, 5.44),  # --preset ant
    Edge("os", True): EdgeGates(1152, 479, 5.44),  # --preset ant-micro22
    Edge("ws", False): EdgeGates(606, 1120, 5.43),  # --preset int8 --set dataflow=ws
    Edge("os", False): EdgeGates(597, 440, 5.43),  # --preset int8
}


def has_types(array: AntArray) -> bool:
    """Return whether the array decodes anything but integers."""
    return array.pe_bits == NIBBLE and any(form.kind is not Kind.INT for form in array.code_formats)


def decoded(array: AntArray) -> str:
    """Return which of `ARRAYS` has the decoders of an array; assumed: all types, all floats cost the same."""
    if has_types(array):
        return "floats" if any(form.kind is Kind.FLOAT for form in array.code_formats) else "types"
    if array.pe_bits == NIBBLE:
        return "nibbles" if _joins(array) else "int4"
    return f"int{array.pe_bits}"


def multiplied(array: AntArray) -> str:
    """Return which of `ARRAYS` has the PEs of an array; assumed: all formats of a class need all of it."""
    return f"class {pe_class(array.code_formats).name}" if has_types(array) else decoded(array)


def edge(array: AntArray) -> Edge:
    """Return which of `EDGES` an array has."""
    return Edge("ws" if array.stationary else "os", _joins(array))


def _joins(array: AntArray) -> bool:
    return any(array.operands_of(form) == 2 for form in array.code_formats)


def decoder_nand2(array: AntArray) -> int:
    """Return the gates of a decoder; PEs of 5 and 7 bits: assumed, those of 8."""
    return GATES.get(Unit("operand_decoder", decoded(array)), GATES[Unit("operand_decoder", "int8")])


def encoder_nand2(array: AntArray) -> int:
    """Return the gates of an encoder; an array of wider PEs has none: it cuts and rounds."""
    return GATES[Unit("code_encoder", decoded(array))] if array.pe_bits == NIBBLE else 0


def tap_nand2(block_format: str) -> int:
    """Return the gates of a tap; assumed: all formats with power-of-two scales have that of MXFP4."""
    return TAP_MULTIPLY if block_format == "nvfp4" else TAP_SHIFT


def pe_nand2(array: AntArray) -> int | None:
    """Return the gates of a PE; None where none was counted."""
    name = "weight_pe" if array.stationary else "output_pe"
    return GATES.get(Unit(name, multiplied(array), array.accumulator_width))


def skew_bits(config: AntConfig) -> int:
    """Return the bits of the registers between the array's ports and its units, as `rtl.ant.array` wires."""
    array, wire = config.array, wires(config)
    rows, cols = array.rows, array.cols
    lags = [side * (side - 1) // 2 for side in (rows, cols)]
    bits = wire.code.width * sum(lags) + wire.psum.width * lags[1]
    bits += (wire.format.width + wire.rows.width + 3) * (rows - 1)  # whether words are there, begin, end
    bits += (wire.format.width + wire.cols.width + 2) * (cols - 1)  # whether words are there, results go
    return bits + (width(command_fields(config)) + 2) * (rows + cols - 1)  # the tile, on its way to the foot


def parts_nand2(config: AntConfig) -> dict[str, float] | None:
    """Return the gates of an array by kind of unit, an encoder for each column; None where not counted.

    Assumed: the gates around the PEs are those of a pipelined array with psums as wide as of the one counted.
    """
    array, pe, around = config.array, pe_nand2(config.array), EDGES[edge(config.array)]
    if pe is None or array.foot_width != FOOT_WIDTH or array.overflow is Overflow.SATURATE:
        return None
    return {
        "pe": array.pes * pe,
        "operand_decoder": (array.rows + array.cols) * decoder_nand2(array),
        "code_encoder": array.cols * encoder_nand2(array),
        "foot": array.cols * around.foot,
        "gemm_controller": around.gemm_controller,
        "skew": skew_bits(config) * around.skew_bit,
    }


def array_mm2(config: AntConfig) -> float | None:
    """Return the estimated area of an array: cells alone, no wires, no scratchpads, no taps.

    None where the PE was not counted.
    """
    parts = parts_nand2(config)
    return None if parts is None else sum(parts.values()) * NAND2_UM2 / 1e6

"""Gate counts of the ANT circuits, and from them the area of an array and what its edges cost.

Measured, as those of SALO are: `python -m rtl.synth --machine ant` maps the circuits to the same cells, for
area alone, and says whether these tables still hold; docs/synthesis.md says what that leaves out. A count is
in areas of a NAND2, memories apart. What has not been counted has no number here, and no area.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Overflow
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.widths import NIBBLE, pe_class
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.cells import NAND2_UM2
from tandemsim.sim.arch.codes import Kind
from tandemsim.sim.arch.wires import width

_TYPES = AntArray().formats
FOOT_WIDTH = AntArray().foot_width  # of the feet that were counted

# The arrays whose decoders, encoders, PEs and taps were counted.
ARRAYS: Mapping[str, AntArray] = {
    "int4": AntArray(formats=("int4", "int4u")),
    "nibbles": AntArray(formats=("int4", "int4u", "int8", "int8u")),  # which join: a fused 4/8-bit PE
    "types": AntArray(),
    "floats": AntArray(formats=(*_TYPES, "e2m1")),
    "class A": AntArray(),
    "class B": AntArray(formats=(*_TYPES, "flint6")),
    "int6": AntArray(pe_bits=6, formats=("int6", "int6u")),
    "int8": AntArray(pe_bits=8, formats=("int8", "int8u")),
    # of taps a column's share of 16
    "mxfp4": AntArray(cols=16, formats=(*_TYPES, "e2m1"), taps="mxfp4"),
    "nvfp4": AntArray(cols=16, formats=(*_TYPES, "e2m1"), taps="nvfp4"),
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
    Unit("tap", "mxfp4"): 1608,
    Unit("tap", "nvfp4"): 2860,
}


class EdgeGates(NamedTuple):
    """What lies around the PEs and decoders of an array of 16 x 16."""

    foot: int  # a column's share
    controller: int
    skew_bit: float  # one of `skew_bits`


class Edge(NamedTuple):
    """What the gates around the PEs follow from."""

    dataflow: str  # of the circuit: what stays in the PEs
    joins: bool  # nibbles


EDGES: Mapping[Edge, EdgeGates] = {
    Edge("ws", True): EdgeGates(715, 1027, 5.46),
    Edge("os", True): EdgeGates(1164, 419, 5.45),
    Edge("ws", False): EdgeGates(616, 945, 5.47),
    Edge("os", False): EdgeGates(600, 403, 5.46),
}
SHORT = 4  # cycles beyond which a tile's command waits in a memory, `rtl.lib.delay`


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


def decoder_nand2(array: AntArray, gates: Mapping[Unit, int] = GATES) -> int:
    """Return the gates of a decoder; PEs of 5 and 7 bits: assumed, those of 8."""
    return gates.get(Unit("operand_decoder", decoded(array)), gates[Unit("operand_decoder", "int8")])


def encoder_nand2(array: AntArray, gates: Mapping[Unit, int] = GATES) -> int:
    """Return the gates of an encoder; an array of wider PEs has none: it cuts and rounds."""
    return gates[Unit("code_encoder", decoded(array))] if array.pe_bits == NIBBLE else 0


def tap_nand2(block_format: str) -> int:
    """Return the gates of a column's tap; assumed: all formats with power-of-two scales have MXFP4's."""
    return GATES[Unit("tap", "nvfp4" if BLOCK_FORMATS[block_format].float_scale else "mxfp4")]


def skew_bits(config: AntConfig) -> int:
    """Return the bits of the registers between the array's ports and its units, as `rtl.ant.array` wires.

    Of an array without taps. What a tile's command waits in is a memory, but for its counter.
    """
    array, wire = config.array, wires(config)
    rows, cols = array.rows, array.cols
    lag = rows + cols - 1
    lags = [side * (side - 1) // 2 for side in (rows, cols)]
    bits = wire.code.width * sum(lags) + wire.psum.width * lags[1]
    bits += (wire.format.width + wire.rows.width + 3) * (rows - 1)  # whether words are there, begin, end
    bits += (wire.format.width + wire.cols.width + 2) * (cols - 1)  # whether words are there, results go
    bits += 2 * lag  # whether a tile starts, whether a word is there
    command = width(command_fields(config)) * lag
    return bits + (command if lag <= SHORT else (lag - 2).bit_length())


def parts_nand2(
    config: AntConfig, gates: Mapping[Unit, int] = GATES, edges: Mapping[Edge, EdgeGates] = EDGES
) -> dict[str, float] | None:
    """Return the gates of an array by kind of unit, with an encoder for each column; None where not counted.

    Assumed: what lies around the PEs is as in a pipelined array with psums as wide as in the one counted.
    """
    array, around = config.array, edges[edge(config.array)]
    pe = gates.get(_pe(array))
    if pe is None or array.foot_width != FOOT_WIDTH or array.overflow is Overflow.SATURATE or array.taps:
        return None
    return {
        "pe": array.pes * pe,
        "operand_decoder": (array.rows + array.cols) * decoder_nand2(array, gates),
        "code_encoder": array.cols * encoder_nand2(array, gates),
        "foot": array.cols * around.foot,
        "controller": around.controller,
        "skew": skew_bits(config) * around.skew_bit,
    }


def array_mm2(config: AntConfig) -> float | None:
    """Return the estimated area of an array: cells alone, no wires, no memories; None where not counted."""
    parts = parts_nand2(config)
    return None if parts is None else sum(parts.values()) * NAND2_UM2 / 1e6


def _pe(array: AntArray) -> Unit:
    name = "weight_pe" if array.stationary else "output_pe"
    return Unit(name, multiplied(array), array.accumulator_width)

"""The four streams of the ANT array: the fields of a tile's command, of its operand words and of its outputs.

One table for the circuit's packed ports, for the model's tuples, and for whoever packs words for a simulator.
R rows, C columns, both of PEs: an integer of two nibbles fills two of them. Fields are packed from the lowest
bit up, in this order; so are the elements of a field. What belongs to block formats has no bits where the
array has no taps for one.
"""

from __future__ import annotations

from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.wires import BIT, Field, Fields, Wire


def command_fields(config: AntConfig) -> Fields:
    """Return the fields of a tile's command."""
    wire = wires(config)
    return {
        "words": Field(wire.words),  # of activations, 1 or more; output stationary, the tile's part of K
        "rows": Field(wire.rows),  # 1 to R: rows that are used, weight stationary the words of weights
        "cols": Field(wire.cols),  # 1 to C: columns that are used
        "activation_format": Field(wire.format),  # its number in `AntArray.formats`
        "weight_format": Field(wire.format),
        "first": Field(BIT),  # sums start with this tile
        "leaves": Field(BIT),  # and end with it: they go to the output stream
        "base": Field(wire.address),  # accumulator of the tile's first output word, if not both
        "blocks": Field(Wire(int(bool(config.array.taps)))),  # operands are elements of blocks
    }


def activation_fields(config: AntConfig) -> Fields:
    """Return the fields of a word of activations: a code for each row."""
    wire = wires(config)
    return {
        "codes": Field(wire.code, (config.array.rows,)),
        "scales": Field(wire.scale, (config.array.segments,)),  # of blocks: that of each part of a column
    }


def weight_fields(config: AntConfig) -> Fields:
    """Return the fields of a word of weights: a code for each column.

    Weight stationary, word i goes to row i. Activations of two nibbles have two rows each, and so the
    element of K has two equal words.
    """
    wire = wires(config)
    return {
        "codes": Field(wire.code, (config.array.cols,)),
        "scales": Field(wire.scale, (config.array.cols,)),  # of blocks: that of the block the row is of
    }


def output_fields(config: AntConfig) -> Fields:
    """Return the fields of an output word: a sum for each column, and whether it is the tile's last word.

    Weights of two nibbles have one sum in two columns: in the even one; the odd one has 0. Weight
    stationary, word i is that of activation word i; output stationary, the bottom row leaves first.
    """
    wire = wires(config)
    return {
        "sums": Field(wire.sum, (config.array.cols,)),
        "exponents": Field(wire.exponent, (config.array.cols,)),  # of blocks, else 0
        "end": Field(BIT),
    }

"""Commands and operands of a SALO tile: the fields of commands, operand words and output words.

One table for the circuit's packed ports, for the model's tuples, and for whoever packs words for a simulator.
R rows, C columns, G global rows, K global columns, S segments of L slots (`SaloArray.segment_slots`). A
sink and the size of values are there where the array takes them. A command holds for a whole tile. An operand
word holds element n of everything: in QK of queries and keys, in PV of values. Fields are packed from the
lowest bit up, in this order; so are the elements of a field, the last index fastest.
"""

from __future__ import annotations

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.arch.salo.wires import wires
from tandemsim.sim.arch.wires import BIT, Field, Fields, Wire


def command_fields(config: SaloConfig) -> Fields:
    """Return the fields of a tile command."""
    array = config.array
    slots = (array.column_segments, array.segment_slots)
    private = array.global_rows if array.global_projections is GlobalProjections.PRIVATE else 0
    sinks = (int(array.sinks),)
    return {
        "head_dim": Field(Wire(array.head_dim.bit_length())),  # elements of a head: 1 to SaloArray.head_dim
        "first": Field(BIT),  # of the local rows' query block
        "last": Field(BIT),  # of the local rows' query block: their outputs leave
        "chained": Field(BIT),  # one band over all segments: keys go on from segment to segment
        "row_valid": Field(BIT, (array.rows,)),  # the row has a query
        # The parity of the image row that the row's keys must have.
        "row_tag": Field(BIT, (array.column_segments, array.rows)),
        "column_enabled": Field(BIT, (array.cols,)),  # the column stands for an offset of the band
        "kv_valid": Field(BIT, slots),  # local rows may use the key of the slot
        "kv_tag": Field(BIT, slots),  # parity of its image row
        "kv_global_valid": Field(BIT, (*slots, array.global_rows)),  # the global row takes it at the bottom
        "column_valid": Field(BIT, (array.global_cols,)),  # the global column has a key
        "global_row_valid": Field(BIT, (array.global_rows,)),  # the global row has a query
        "global_first": Field(BIT, (array.global_rows,)),  # of the global row's keys
        "global_last": Field(BIT, (array.global_rows,)),  # and the last: its output leaves
        "private": Field(BIT),  # the global rows are fed by ports of their own
        "private_valid": Field(BIT, (private, array.cols)),
        "sink_valid": Field(BIT, sinks),  # rows that begin in this tile begin with a sink
        "sink": Field(wires(config).score, sinks),  # its logit, as a score
        # Elements of a value: 1 to SaloArray.head_dim
        "value_dim": Field(Wire(array.head_dim.bit_length()), (int(array.value_dims),)),
    }


def operand_fields(config: SaloConfig) -> Fields:
    """Return the fields of an operand word."""
    array, element = config.array, wires(config).element
    private = array.global_rows if array.global_projections is GlobalProjections.PRIVATE else 0
    return {
        "query": Field(element, (array.rows,)),
        "global_query": Field(element, (array.global_rows,)),
        "kv": Field(element, (array.column_segments, array.segment_slots)),
        "column_kv": Field(element, (array.global_cols,)),
        "private_kv": Field(element, (private, array.cols)),
    }


def output_fields(config: SaloConfig) -> Fields:
    """Return the fields of an output word of the local rows: element n of every row."""
    return {"rows": Field(wires(config).output, (config.array.rows,)), "end": Field(BIT)}


def global_output_fields(config: SaloConfig) -> Fields:
    """Return the fields of an output word of the global rows: element n, and whose it is."""
    rows = (config.array.global_rows,)
    return {"rows": Field(wires(config).output, rows), "valid": Field(BIT, rows), "end": Field(BIT)}

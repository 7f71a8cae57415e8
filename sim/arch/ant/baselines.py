"""What ANT is compared with, as presets of its machine: its evaluation's accelerators, and a plain array.

Obeys: ant_simulator of github.com/clevercool/ANT-Quantization at commit bc84067: arrays, clock, scratchpads
and DRAM of its configuration files (conf_*.ini). They do not say which accumulators a PE has; these are as
wide as 64 products a row need, so that cutting K costs no cycles.

The artifact gives AdaFloat's PEs the power of integer units and BiScaled no scales to read, and so do these:
an operand is its bits. OLAccel has no path for outliers there, and one here.
"""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.ant.config import OutlierPath
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22, KIB
from tandemsim.sim.arch.sram import BufferConfig

INTEGERS = ("int4", "int4u", "int8", "int8u")
EIGHT = ("int8", "int8u")
SIX = ("int6", "int6u")

BITFUSION = replace(
    ANT_MICRO22,
    # artifact: ANT's own array, 32 x 32 units of four 4-bit PEs; of integers alone, which need no shifter
    array=replace(ANT_MICRO22.array, formats=INTEGERS, accumulator_width=18),
)

OLACCEL = replace(
    ANT_MICRO22,
    # artifact: 16 x 18 units of four 4-bit PEs
    array=replace(ANT_MICRO22.array, rows=32, cols=36, formats=INTEGERS, accumulator_width=17),
    outliers=OutlierPath(
        share=0.03,  # Park, Kim, Yoo, ISCA 2018, abstract: "amounting to 3% of total data"
        bits=16,  # assumed: its comparison with 16-bit accelerators
        position_bits=16,  # assumed: a row and a column of a tile
    ),
)

BISCALED = replace(
    ANT_MICRO22,
    array=replace(  # artifact: 32 x 80 units of 6 bits
        ANT_MICRO22.array, rows=32, cols=80, pe_bits=6, formats=SIX, accumulator_width=18
    ),
)

ADAFLOAT = replace(
    ANT_MICRO22,
    array=replace(  # artifact: 32 x 28 units of 8 bits
        ANT_MICRO22.array, rows=32, cols=28, pe_bits=8, formats=EIGHT, accumulator_width=22
    ),
)

INT8 = replace(
    ANT_MICRO22,
    # assumed: as many products of 8 bits a cycle as the fused units of ANT and BitFusion do
    array=replace(ANT_MICRO22.array, rows=32, cols=32, pe_bits=8, formats=EIGHT, accumulator_width=22),
)

SYSTOLIC = replace(
    ANT,
    # Assumed: the side of the array in Google's TPU v2 to v4. 24 bits: 23 hold 128 products of a column, and
    # twice as many keep parts of K from costing cycles, output stationary.
    array=replace(ANT.array, rows=128, cols=128, pe_bits=8, formats=EIGHT, accumulator_width=24),
    vector=replace(ANT.vector, lanes=128),  # as many as columns
    # Assumed: room for four tiles of weights, and for the sums of 1,024 rows; as much for activations.
    activation_scratchpad=BufferConfig(capacity_bytes=512 * KIB),
    weight_scratchpad=BufferConfig(capacity_bytes=256 * KIB),
    accumulator_scratchpad=BufferConfig(capacity_bytes=512 * KIB),
    residual_scratchpad=BufferConfig(capacity_bytes=128 * KIB),
    output_scratchpad=BufferConfig(capacity_bytes=256 * KIB),
    vector_scratchpad=BufferConfig(capacity_bytes=128 * KIB),
)

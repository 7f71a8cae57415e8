"""Small arrays of ANT that differ in everything that a configuration can change."""

from tandemsim.sim.arch.ant.config import Dataflow, Overflow, Schedule
from tests.ant.draws import config

CLASS_A = ("int4", "int4u", "pot4", "flint4", "flint4u", "e2m1", "int8", "int8u", "int6")
CLASS_B = ("int8", "e3m2", "pot4u", "int5u", "flint5u", "e2m3", "pot4", "flint4")
TAPPED = ("int4", "e2m1", "flint4u", "int8")
BYTES = ("int8", "int8u", "int5")
WEIGHTS, SUMS = Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY

CONFIGS = {
    "weights": config(words=19, rows=4, cols=6, formats=CLASS_A),
    "sums": config(
        words=9, rows=6, cols=4, formats=CLASS_A, dataflow=SUMS, foot_width=17, overflow=Overflow.SATURATE
    ),
    "weights_drain": config(
        words=1,
        accumulators=12,
        rows=2,
        cols=6,
        formats=CLASS_B,
        schedule=Schedule.DRAIN,
        accumulator_width=24,
        foot_width=18,
        overflow=Overflow.SATURATE,
    ),
    "sums_drain": config(
        words=30,
        rows=6,
        cols=2,
        formats=CLASS_B,
        dataflow=SUMS,
        schedule=Schedule.DRAIN,
        accumulator_width=26,
    ),
    "flat": config(words=30, rows=2, cols=8, formats=("flint4u", "int8"), accumulator_width=18),
    "bytes": config(words=14, rows=3, cols=5, pe_bits=8, formats=BYTES),
    "bytes_sums": config(
        words=7, rows=5, cols=3, pe_bits=8, formats=BYTES, dataflow=SUMS, accumulator_width=23, foot_width=24
    ),
    "mxfp4": config(words=30, rows=32, cols=2, formats=TAPPED, taps="mxfp4", accumulator_width=22),
    "nvfp4": config(words=30, rows=32, cols=2, formats=TAPPED, taps="nvfp4", accumulator_width=22),
    "one": config(words=3, accumulators=12, rows=1, cols=1, pe_bits=8, formats=("int8",)),
}

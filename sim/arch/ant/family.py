"""ANT as a family: its presets, short names and catalogs."""

from __future__ import annotations

from tandemsim.sim.arch.ant.baselines import ADAFLOAT, BISCALED, BITFUSION, INT8, OLACCEL, SYSTOLIC
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.family import Family, Preset

ANT_FAMILY = Family(
    name="ant",
    line="ANT, MICRO 2022: systolic array of 4-bit integer PEs that join for 8 bits, with a vector unit",
    presets={
        "ant": Preset(
            ANT,
            "what we would build: weight stationary, pipelined, DDR4-2400 with two channels",
            bits=("trace", "4"),
        ),
        "ant-micro22": Preset(
            ANT_MICRO22,
            "what was published: output stationary, 500 MHz, 64 GB/s",
            bits=("ant", "4"),
        ),
        "systolic": Preset(
            SYSTOLIC,
            "a plain array as SCALE-Sim has it: 128 x 128 PEs of 8 bits, without decoders",
            bits=("8",),
        ),
        "int8": Preset(INT8, "32 x 32 PEs of 8 bits, on the memory of ant-micro22", bits=("8",)),
        "bitfusion": Preset(
            BITFUSION,
            "BitFusion in ANT's evaluation: its array, integers of 4 and 8 bits",
            bits=("bitfusion", "8"),
        ),
        "olaccel": Preset(
            OLACCEL,
            "OLAccel in ANT's evaluation: 32 x 36 PEs of 4 bits; here with its path for outliers",
            bits=("olaccel", "4"),
        ),
        "biscaled": Preset(BISCALED, "BiScaled in ANT's evaluation: 32 x 80 PEs of 6 bits", bits=("6",)),
        "adafloat": Preset(ADAFLOAT, "AdaFloat in ANT's evaluation: 32 x 28 PEs of 8 bits", bits=("8",)),
    },
    short_names={
        "rows": "array.rows",
        "cols": "array.cols",
        "dataflow": "array.dataflow",
        "schedule": "array.schedule",
    },
    catalogs={"memory": MEMORIES},
)

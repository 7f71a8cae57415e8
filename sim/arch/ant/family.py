"""ANT as a family: its presets, short names and catalogs."""

from __future__ import annotations

from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.family import Family, Preset

ANT_FAMILY = Family(
    name="ant",
    line="ANT, MICRO 2022: systolic array of 4-bit integer PEs that join for 8 bits, with a vector unit",
    presets={
        "ant": Preset(ANT, "what we would build: weight stationary, pipelined, DDR4-2400 with two channels"),
        "ant-micro22": Preset(ANT_MICRO22, "what was published: output stationary, 500 MHz, 64 GB/s"),
    },
    short_names={
        "rows": "array.rows",
        "cols": "array.cols",
        "dataflow": "array.dataflow",
        "schedule": "array.schedule",
    },
    catalogs={"memory": MEMORIES},
)

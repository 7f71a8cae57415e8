"""The CPU as a family: its presets, short names and catalogs."""

from __future__ import annotations

from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X, THREADRIPPER_3990X_SHARED
from tandemsim.sim.arch.cpu.this_machine import THIS_MACHINE, measured_config
from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.family import Family, Preset


def this_machine() -> Preset:
    """Return the preset of the machine that this runs on. Raises `ConfigError` until it has been measured."""
    return Preset(measured_config(THREADRIPPER_3990X), "this machine, as `tandem calibrate` has measured it")


CPU_FAMILY = Family(
    name="cpu",
    line="a CPU of many cores, or this one (tandem calibrate): layers in several code versions",
    presets={
        "threadripper-3990x": Preset(
            THREADRIPPER_3990X,
            "64 cores of Zen 2, an L3 of 16 MiB for every four, four channels of DDR4-3200",
        ),
        "threadripper-3990x-shared": Preset(
            THREADRIPPER_3990X_SHARED, "the same with one L3 of 256 MiB, as VELTAIR's paper speaks of it"
        ),
    },
    catalogs={"memory": MEMORIES},
    measured={THIS_MACHINE: this_machine},
)

"""The presets of the CPU: the machine of VELTAIR's measurements, with its L3 in islands and as one."""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.dram.standards import DRAMS

# Four channels: AMD. The map of addresses is assumed; with mop4clxor a channel sustains less of such streams.
THREADRIPPER_3990X = CpuConfig(dram=replace(DRAMS["ddr4-3200"], channels=4, mapping="robaracoch"))

# As VELTAIR's paper speaks of it: one L3 of 256 MiB.
THREADRIPPER_3990X_SHARED = replace(THREADRIPPER_3990X, island_cores=64, l3_bytes=256 * 1024 * 1024)

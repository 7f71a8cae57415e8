"""The memories that every machine with a DRAM takes by name: ``--set memory=hbm2``."""

from __future__ import annotations

from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.family import Catalog


def memory_line(dram: DramConfig) -> str:
    """Return what a memory is, in one line."""
    peak, banks = dram.peak_bytes_per_second / 1e9, dram.standard.bank_groups * dram.standard.banks
    buses = f"one channel of {dram.data_buses} data bus" + ("es" if dram.data_buses > 1 else "")
    size = f"{banks} bank{'s' if banks > 1 else ''}, {dram.capacity_bytes / 2**30:.0f} GiB"
    return f"{peak:.1f} GB/s on {buses}, bursts of {dram.burst_bytes} bytes, {size}"


MEMORIES = Catalog("dram", DRAMS, "memories", memory_line)

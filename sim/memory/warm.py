"""Compiles the kernels of DMA and DRAM, half of all that a machine needs: one burst through them.

Run by `sim.engine.beside`, as ``python -m sim.memory.warm``.
"""

from __future__ import annotations

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import new_dma
from tandemsim.sim.memory.dram.state import READ

CYCLE_PS = 1000  # any


def main() -> None:
    """Move one burst."""
    dma = new_dma(DRAMS["ideal"], CYCLE_PS)
    dma_submit(dma, 0, 1, 1, 0, READ, 0, 0)
    dma_advance(dma, NEVER)


if __name__ == "__main__":
    main()

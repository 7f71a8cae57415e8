"""SALO's presets: one constant for each machine, published or ours.

Variants are made by `dataclasses.replace`, never by inheritance.
"""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig, SaloScheduling
from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation
from tandemsim.sim.arch.sram import BufferConfig, Buffering, ScratchpadConfig

KIB = 1024

SALO = SaloConfig(
    array=SaloArray(
        column_segments=2,  # two 15-wide bands of ViL in one pass
        normalisation=Normalisation.DEFERRED,  # 130 cycles per pass in place of 163
        global_projections=GlobalProjections.PRIVATE,  # Longformer projects its global token separately
        sinks=True,  # gpt-oss has one for each head
        value_dims=True,
    ),
    numerics=PUBLISHED,
    # Elements are one byte. A granule of 32 keys is 2 KiB; a block of ViL at 56 x 56 reaches over 27 of them.
    query_scratchpad=BufferConfig(capacity_bytes=16 * KIB),
    key_scratchpad=ScratchpadConfig(capacity_bytes=64 * KIB, banks=64, ports=2, buffering=Buffering.CIRCULAR),
    value_scratchpad=ScratchpadConfig(
        capacity_bytes=64 * KIB, banks=64, ports=2, buffering=Buffering.CIRCULAR
    ),
    global_scratchpad=BufferConfig(capacity_bytes=32 * KIB),
    output_scratchpad=BufferConfig(capacity_bytes=16 * KIB),
    dram=DRAMS["ddr4-2400"],
    clock_hz=1_000_000_000,  # the clock of the published cost model
)

SALO_DAC22 = SaloConfig(
    array=SaloArray(),  # 32 x 32, one global row, one global column; divides in every pass
    numerics=PUBLISHED,
    # The published cost model runs every chunk of every block, and has no memory.
    scheduling=SaloScheduling(skip_masked=False, leftover_keys=False),
    # Sizes assumed: the artifact has one 16 KiB memory, used nowhere.
    query_scratchpad=replace(SALO.query_scratchpad),
    key_scratchpad=ScratchpadConfig(capacity_bytes=32 * KIB, banks=64, buffering=Buffering.CIRCULAR),
    value_scratchpad=ScratchpadConfig(capacity_bytes=32 * KIB, banks=64, buffering=Buffering.CIRCULAR),
    global_scratchpad=replace(SALO.global_scratchpad),
    output_scratchpad=BufferConfig(capacity_bytes=32 * KIB),
    dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=256_000_000_000),  # assumed: never the bottleneck
    clock_hz=1_000_000_000,  # the cost model's; the synthesis is stated at 500 MHz
)

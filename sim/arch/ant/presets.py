"""ANT's presets: one constant for each machine, published or ours. Variants by `dataclasses.replace`."""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow, VectorUnit
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.sram import BufferConfig

KIB = 1024

ANT = AntConfig(
    array=AntArray(),  # 64 x 64 PEs of 4 bits, weight stationary, pipelined
    vector=VectorUnit(),
    activation_scratchpad=BufferConfig(capacity_bytes=256 * KIB),  # artifact, act_sram_bytes
    weight_scratchpad=BufferConfig(capacity_bytes=128 * KIB),  # artifact, wgt_sram_bytes
    accumulator_scratchpad=BufferConfig(capacity_bytes=128 * KIB),  # artifact, out_sram_bytes
    residual_scratchpad=BufferConfig(capacity_bytes=64 * KIB),  # assumed
    output_scratchpad=BufferConfig(capacity_bytes=64 * KIB),  # assumed
    vector_scratchpad=BufferConfig(capacity_bytes=64 * KIB),  # assumed
    dram=replace(DRAMS["ddr4-2400"], channels=2),
)

ANT_MICRO22 = replace(
    ANT,
    array=replace(ANT.array, dataflow=Dataflow.OUTPUT_STATIONARY),
    # artifact: 1024 bits a cycle of 500 MHz, no latency
    dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=64_000_000_000),
    clock_hz=500_000_000,  # artifact
)

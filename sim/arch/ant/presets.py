"""ANT's presets: one constant for each machine, published or ours. Variants by `dataclasses.replace`."""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow, VectorUnit
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.energy import EnergyConfig
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

_TABLE = EnergyConfig()
# The artifact's syntheses at 28 nm, for ours at 45 nm: a unit of four PEs takes 279,960 nW at work and leaks
# 64,314 nW, at 500 MHz; a PE of `ANT` takes 0.583 pJ a cycle by the table, and leaks 5,921 nW.
_WORK, _LEAKAGE = 0.140 / 0.583, 16_079 / 5_921
PUBLISHED_ENERGY = replace(
    _TABLE,
    **{
        name: getattr(_TABLE, name) * (_LEAKAGE if "leakage" in name else _WORK)
        for name in (
            *("multiply_8b_pj", "multiply_32b_pj", "add_8b_pj", "add_32b_pj", "logic_32b_pj"),
            *("register_clock_pj_per_bit", "register_toggle_pj_per_bit", "register_leakage_w_per_bit"),
            *("multiplier_32b_leakage_w", "adder_32b_leakage_w"),
        )
    },
    # CACTI 7 for the artifact's banks of 4 and 8 KiB, 0.033 and 0.035 pJ a bit, whatever their number
    **dict.fromkeys(("sram_read_8kib_pj", "sram_read_32kib_pj", "sram_read_1mib_pj"), 2.17),
)

ANT_MICRO22 = replace(
    ANT,
    array=replace(ANT.array, dataflow=Dataflow.OUTPUT_STATIONARY),
    # artifact: 1024 bits a cycle of 500 MHz, no latency
    dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=64_000_000_000),
    energy=PUBLISHED_ENERGY,
    clock_hz=500_000_000,  # artifact
)

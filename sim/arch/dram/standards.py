"""The DRAM standards as tables in JEDEC symbols, and the presets of DRAM that machines choose from.

Times are as the standards give them, in clocks (nCK) and picoseconds; ``Delay(4, 3_300)`` is the larger of 4
nCK and 3.3 ns. Values that a standard leaves to the vendor say whose they are. ``tests/memory`` compares the
spacings that follow with the cycle tables of Ramulator 2.1; the one difference is the tRFC of DDR4.
"""

from __future__ import annotations

from dataclasses import replace

from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.names import BUSES, TCK_PS
from tandemsim.sim.arch.dram.timing import DDR4_GUARD, Delay, DramStandard

# 8 Gb devices of 8 bits, eight of them on a channel of 64 bits: JESD79-4C.
DDR4_2400 = DramStandard(
    name="ddr4-2400",
    **BUSES["ddr4-2400"]._asdict(),
    tck_ps=TCK_PS["ddr4-2400"],  # 2400 MT/s
    rounding=DDR4_GUARD,
    bank_groups=4,  # x8 devices
    banks=4,
    rows=65_536,  # 8 Gb x8: A0-A15
    cl=Delay(16),  # speed bin 2400R, 16-16-16
    cwl=Delay(12),  # table of CWL: 2400, first set
    tccd_s=Delay(4),
    tccd_l=Delay(5, 5_000),
    twtr_s=Delay(2, 2_500),
    twtr_l=Delay(4, 7_500),
    turnaround=Delay(2),  # Ramulator 2.1; JESD79-4: read postamble and write preamble
    rank_switch=Delay(2),  # Ramulator 2.1, nCS: the controller's choice
    trcd_rd=Delay(0, 13_320),  # 2400R
    trcd_wr=Delay(0, 13_320),
    tras=Delay(0, 32_000),
    trc=Delay(0, 45_320),
    trp=Delay(0, 13_320),
    trp_ab=Delay(0, 13_320),
    trtp=Delay(4, 7_500),
    twr=Delay(0, 15_000),
    trrd_s=Delay(4, 3_300),  # page of 1 KB
    trrd_l=Delay(4, 4_900),
    tfaw=Delay(20, 21_000),
    trefi=Delay(0, 7_800_000),  # up to 85 degrees
    trfc=Delay(0, 350_000),  # tRFC1 of 8 Gb; Ramulator 2.1 has 360 ns
)

DDR4_3200 = replace(
    DDR4_2400,
    name="ddr4-3200",
    tck_ps=TCK_PS["ddr4-3200"],
    cl=Delay(22),  # speed bin 3200AA, 22-22-22
    cwl=Delay(16),
    trcd_rd=Delay(0, 13_750),
    trcd_wr=Delay(0, 13_750),
    trc=Delay(0, 45_750),
    trp=Delay(0, 13_750),
    trp_ab=Delay(0, 13_750),
    trrd_s=Delay(4, 2_500),
)

# One channel of 16 bits, 8 Gb, bank group mode, CK at a quarter of WCK: JESD209-5B.
LPDDR5_6400 = DramStandard(
    name="lpddr5-6400",
    **BUSES["lpddr5-6400"]._asdict(),
    tck_ps=TCK_PS["lpddr5-6400"],  # CK of 800 MHz
    bank_groups=4,
    banks=4,
    rows=32_768,  # 8 Gb x16
    cl=Delay(17),  # RL, set 0
    cwl=Delay(9),  # WL, set A
    tccd_s=Delay(2),
    tccd_l=Delay(4),  # BL/n_max
    twtr_s=Delay(0, 6_250),
    twtr_l=Delay(0, 12_000),
    turnaround=Delay(2),  # Ramulator 2.1
    rank_switch=Delay(2),  # Ramulator 2.1, nCS
    trcd_rd=Delay(2, 18_000),
    trcd_wr=Delay(2, 18_000),
    tras=Delay(3, 42_000),
    trc=Delay(49),  # tRAS + tRPpb, each rounded up
    trp=Delay(2, 18_000),  # tRPpb
    trp_ab=Delay(2, 21_000),
    trtp=Delay(0, 10_000),  # BL/n_min + tRBTP of 7.5 ns
    twr=Delay(3, 34_000),
    trrd_s=Delay(2, 5_000),
    trrd_l=Delay(2, 5_000),
    tfaw=Delay(0, 20_000),
    tppd=Delay(2),
    trefi=Delay(0, 3_906_000),
    trfc=Delay(0, 210_000),  # tRFCab of 8 Gb
    taad=Delay(8),
    wck_post=Delay(1),  # Ramulator 2.1, nWCKPST
)

# One channel of two pseudo-channels of 64 bits, 4 Gb: JESD235B. The core timings are left to the vendor.
HBM2_2000 = DramStandard(
    name="hbm2",
    **BUSES["hbm2"]._asdict(),
    tck_ps=TCK_PS["hbm2"],  # 2000 MT/s
    bank_groups=4,
    banks=4,
    rows=32_768,
    cl=Delay(14),  # this and all below to trefi: Ramulator 2.1, HBM2_2000Mbps
    cwl=Delay(5),
    tccd_s=Delay(2),
    tccd_l=Delay(4),
    twtr_s=Delay(6),
    twtr_l=Delay(8),
    turnaround=Delay(2),
    trcd_rd=Delay(14),
    trcd_wr=Delay(12),
    tras=Delay(34),
    trc=Delay(48),
    trp=Delay(14),
    trp_ab=Delay(14),
    trtp=Delay(5),
    twr=Delay(16),
    trrd_s=Delay(4, 4_000),
    trrd_l=Delay(4, 4_000),
    tfaw=Delay(8, 15_000),
    trefi=Delay(0, 3_900_000),  # JESD235B
    trfc=Delay(0, 260_000),  # JESD235B, 4 Gb
)

# A fixed bandwidth and nothing else: one row that is always open, in picoseconds, so that nothing is rounded.
IDEAL = DramStandard(
    name="ideal",
    tck_ps=1,
    burst_bytes=64,
    bank_groups=1,
    banks=1,
    rows=1,
    row_bytes=1 << 40,
    burst_clocks=3_334,
    long_burst_clocks=1,
    cl=Delay(),
    cwl=Delay(),
    tccd_s=Delay(),
    tccd_l=Delay(),
    twtr_s=Delay(),
    twtr_l=Delay(),
    turnaround=Delay(),
    trcd_rd=Delay(),
    trcd_wr=Delay(),
    tras=Delay(),
    trc=Delay(),
    trp=Delay(),
    trp_ab=Delay(),
    trtp=Delay(),
    twr=Delay(),
    trrd_s=Delay(),
    trrd_l=Delay(),
    tfaw=Delay(),
    trefi=Delay(),
    trfc=Delay(),
)

DRAMS: dict[str, DramConfig] = {
    "ideal": DramConfig(
        standard=IDEAL,
        refresh=False,
        scheduler=Scheduler.FCFS,  # in order, so that more bandwidth never delays anything
        command_latency=0,
        bandwidth_bytes_per_second=19_200_000_000,  # of DDR4-2400
    ),
    "ddr4-2400": DramConfig(standard=DDR4_2400),
    "ddr4-3200": DramConfig(standard=DDR4_3200),
    "lpddr5-6400": DramConfig(standard=LPDDR5_6400),
    "hbm2": DramConfig(standard=HBM2_2000),
}

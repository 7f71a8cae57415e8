"""Energies of the DRAM standards: DDR4-2400, DDR4-3200, LPDDR5-6400, HBM2, and of the ideal memory.

Obeys: datasheet currents as DRAMsim3 (github.com/umd-memsys/DRAMsim3, configs/) and DRAMPower
(github.com/tukl-msd/DRAMPower, memspecs/) have them; for HBM2's events O'Connor et al., "Fine-Grained DRAM:
Energy-Efficient DRAM for Extreme Bandwidth Systems", MICRO 2017. `docs/energy.md` says what each leaves out.
"""

from __future__ import annotations

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.dram.energy import BITS, DramDevices, DramEnergy, Rail, terminated_pj_per_bit

# JESD79-4: driver 34 ohm (RZQ/7), termination 48 ohm (RZQ/5), data half ones: the last two assumed.
_DDR4_2400_INTERFACE = terminated_pj_per_bit(1.2, 34, 48, 2.4e9)
_DDR4_3200_INTERFACE = terminated_pj_per_bit(1.2, 34, 48, 3.2e9)

# Micron MT40A1G8PM-083E, eight on 64 bits: DRAMsim3, DDR4_8Gb_x8_2400.ini. The 2.5 V pump rail is left out.
_DDR4_2400 = DramDevices(
    rails=(Rail(volts=1.2, idd0_ma=48, idd2n_ma=34, idd3n_ma=43, idd4r_ma=135, idd4w_ma=123, idd5b_ma=250),),
    devices=8,
    tck_ns=0.833,
    ras_cycles=39,
    rc_cycles=55,
    burst_cycles=4,
    burst_bytes=64,
    rfc_cycles=420,
    refi_cycles=9364,
    interface_pj_per_bit=_DDR4_2400_INTERFACE,
)

# DRAMsim3, DDR4_8Gb_x8_3200.ini; its clock of 0.63 ns is 0.625 here.
_DDR4_3200 = DramDevices(
    rails=(Rail(volts=1.2, idd0_ma=57, idd2n_ma=37, idd3n_ma=52, idd4r_ma=168, idd4w_ma=150, idd5b_ma=250),),
    devices=8,
    tck_ns=0.625,
    ras_cycles=52,
    rc_cycles=74,
    burst_cycles=4,
    burst_bytes=64,
    rfc_cycles=560,
    refi_cycles=12480,
    interface_pj_per_bit=_DDR4_3200_INTERFACE,
)

# Assumed, for want of an LPDDR5 datasheet: Micron's 6 Gb LPDDR4-3200 x16 (DRAMPower,
# MICRON_6Gb_LPDDR4-3200_32bit_A) at LPDDR5's voltages, core 1.05 V and interface (the third rail) 0.5 V.
_LPDDR4_CORE = Rail(volts=1.1, idd0_ma=45, idd2n_ma=27, idd3n_ma=30, idd4r_ma=275, idd4w_ma=210, idd5b_ma=90)
_LPDDR4_INTERFACE = Rail(
    volts=1.1, idd0_ma=0.75, idd2n_ma=0.75, idd3n_ma=0.75, idd4r_ma=150, idd4w_ma=55, idd5b_ma=0.75
)
_LPDDR5_6400 = DramDevices(
    rails=(
        Rail(volts=1.8, idd0_ma=3.5, idd2n_ma=2, idd3n_ma=2.25, idd4r_ma=2.25, idd4w_ma=2.25, idd5b_ma=10),
        _LPDDR4_CORE.at(1.05),
        _LPDDR4_INTERFACE.at(0.5),
    ),
    devices=1,
    tck_ns=0.625,
    ras_cycles=68,
    rc_cycles=97,
    burst_cycles=8,
    burst_bytes=32,
    rfc_cycles=448,
    refi_cycles=6246,
    interface_pj_per_bit=0.0,
)

# Standing power of an HBM2 channel of 128 bits: DRAMsim3, HBM2_4Gb_x128.ini.
_HBM2_STANDING = DramDevices(
    rails=(Rail(volts=1.2, idd0_ma=65, idd2n_ma=40, idd3n_ma=55, idd4r_ma=390, idd4w_ma=500, idd5b_ma=250),),
    devices=1,
    tck_ns=1.0,
    ras_cycles=34,
    rc_cycles=48,
    burst_cycles=2,
    burst_bytes=64,
    rfc_cycles=260,
    refi_cycles=3900,
    interface_pj_per_bit=0.0,
).energy

DRAM_ENERGY: dict[str, DramEnergy] = {
    "ddr4-2400": _DDR4_2400.energy,
    "ddr4-3200": _DDR4_3200.energy,
    "lpddr5-6400": _LPDDR5_6400.energy,
    "hbm2": DramEnergy(
        # O'Connor et al., table 3: 1.51 + 1.17 pJ a bit on the die, 0.80 at the interface, 909 pJ a row.
        read_pj_per_byte=(1.51 + 1.17 + 0.80) * BITS,
        write_pj_per_byte=(1.51 + 1.17 + 0.80) * BITS,
        activate_pj=909.0,
        background_w=_HBM2_STANDING.background_w,
        refresh_w=_HBM2_STANDING.refresh_w,
    ),
    # A bandwidth, not a device: what a DDR4-2400 byte costs, and nothing else. Assumed.
    "ideal": DramEnergy(
        read_pj_per_byte=_DDR4_2400.energy.read_pj_per_byte,
        write_pj_per_byte=_DDR4_2400.energy.write_pj_per_byte,
        activate_pj=0.0,
        background_w=0.0,
        refresh_w=0.0,
    ),
}


def dram_energy(standard: str) -> DramEnergy:
    """Return the energies of a DRAM standard; `ConfigError` names the nearest of an unknown one."""
    if standard not in DRAM_ENERGY:
        raise ConfigError(nearest("DRAM standard", standard, DRAM_ENERGY))
    return DRAM_ENERGY[standard]

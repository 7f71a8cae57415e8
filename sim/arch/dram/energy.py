"""Energy of DRAM from datasheet currents: per byte, per activation, and what flows while nothing is asked.

Obeys: Micron TN-40-07, "Calculating Memory Power for DDR4 SDRAM": the energy of a command is what its current
adds to the standby current, times voltage and time. The figures are in `sim.arch.dram.energy_table`.

Everything is per channel. An activation is of one row as a controller sees it: 8 KiB over eight DDR4 devices,
2 KiB of LPDDR5, 1 KiB of an HBM2 pseudo-channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from tandemsim.sim.arch.energy import PJ_PER_J

BITS = 8  # a byte


class DramTraffic(NamedTuple):
    """What passed through the DRAM, all channels together."""

    read_bytes: int
    write_bytes: int
    activates: int
    channels: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DramEnergy:
    """Energy per event and standing power of one channel of a standard."""

    read_pj_per_byte: float  # DRAM core and interface
    write_pj_per_byte: float
    activate_pj: float  # activation and the precharge that ends it
    background_w: float  # standby, rows open
    refresh_w: float  # refresh, averaged over its interval

    def actions_pj(self, traffic: DramTraffic, seconds: float) -> dict[str, float]:
        """Energy of `traffic` by action, in a run of `seconds`; standby and refresh of every channel."""
        standing_s = traffic.channels * seconds * PJ_PER_J
        return {
            "read": traffic.read_bytes * self.read_pj_per_byte,
            "write": traffic.write_bytes * self.write_pj_per_byte,
            "activate": traffic.activates * self.activate_pj,
            "background": self.background_w * standing_s,
            "refresh": self.refresh_w * standing_s,
        }

    def pj(self, traffic: DramTraffic, seconds: float) -> float:
        """Energy of `traffic` in a run of `seconds`, standby and refresh of every channel included."""
        return math.fsum(self.actions_pj(traffic, seconds).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One supply of a DRAM device: its voltage and its currents in mA, named as in the datasheets."""

    volts: float
    idd0_ma: float  # activate and precharge, one bank, every tRC
    idd2n_ma: float  # standby, all banks closed
    idd3n_ma: float  # standby, rows open
    idd4r_ma: float  # reads, burst after burst
    idd4w_ma: float  # writes, burst after burst
    idd5b_ma: float  # refresh, one after another

    def at(self, volts: float) -> Rail:
        """The same rail at another voltage: currents in proportion, so energies with its square. Assumed."""
        ratio = volts / self.volts
        return Rail(
            volts=volts,
            idd0_ma=self.idd0_ma * ratio,
            idd2n_ma=self.idd2n_ma * ratio,
            idd3n_ma=self.idd3n_ma * ratio,
            idd4r_ma=self.idd4r_ma * ratio,
            idd4w_ma=self.idd4w_ma * ratio,
            idd5b_ma=self.idd5b_ma * ratio,
        )


def _read_ma(rail: Rail) -> float:
    return rail.idd4r_ma - rail.idd3n_ma


def _write_ma(rail: Rail) -> float:
    return rail.idd4w_ma - rail.idd3n_ma


def _refresh_ma(rail: Rail) -> float:
    return rail.idd5b_ma - rail.idd3n_ma


Current: TypeAlias = Callable[[Rail], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DramDevices:
    """The devices of a channel: rails, and the times (in their clock) over which the currents are defined."""

    rails: tuple[Rail, ...]
    devices: int
    tck_ns: float
    ras_cycles: int
    rc_cycles: int
    burst_cycles: int
    burst_bytes: int  # of the whole channel
    rfc_cycles: int
    refi_cycles: int
    interface_pj_per_bit: float  # termination and drivers outside the rails above

    @property
    def energy(self) -> DramEnergy:
        """The currents as energies per event."""
        interface = self.interface_pj_per_bit * BITS
        return DramEnergy(
            read_pj_per_byte=self._sum(_read_ma) * self.burst_cycles / self.burst_bytes + interface,
            write_pj_per_byte=self._sum(_write_ma) * self.burst_cycles / self.burst_bytes + interface,
            activate_pj=sum(self._activate_pj(rail) for rail in self.rails),
            background_w=sum(rail.volts * rail.idd3n_ma for rail in self.rails) * self.devices * 1e-3,
            refresh_w=self._sum(_refresh_ma) / self.tck_ns * 1e-3 * self.rfc_cycles / self.refi_cycles,
        )

    def _sum(self, current_ma: Current) -> float:
        """Picojoules of one clock of a current (mA x V x ns) through every device."""
        return sum(rail.volts * current_ma(rail) for rail in self.rails) * self.devices * self.tck_ns

    def _activate_pj(self, rail: Rail) -> float:
        standby = rail.idd3n_ma * self.ras_cycles + rail.idd2n_ma * (self.rc_cycles - self.ras_cycles)
        return rail.volts * (rail.idd0_ma * self.rc_cycles - standby) * self.tck_ns * self.devices


def terminated_pj_per_bit(
    volts: float, driver_ohm: float, termination_ohm: float, bits_per_second: float
) -> float:
    """Energy of a bit on a line that is terminated to its supply (POD12, as DDR4).

    Such a line draws current while it is low: half the time for data. Eight data lines share a differential
    strobe, one line of which is always low.
    """
    low_w = volts * volts / (driver_ohm + termination_ohm)
    return low_w * (1 / 2 + 1 / 8) / bits_per_second * PJ_PER_J

"""Energy of a CPU: what the package draws while its cores work, and its DRAM. An estimate.

No figure of a 3990X by unit is published. Its thermal design power is what it draws with all cores at work,
so a core that works or spins takes its share of that, and what they share takes the rest all the time. DRAM
is counted as for the arrays (`sim.arch.dram.energy`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.arch.checks import Rules, require_amounts
from tandemsim.sim.arch.dram.energy import DramEnergy, DramTraffic
from tandemsim.sim.arch.energy import PJ_PER_J


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuEnergy:
    """Power of the package, and how DRAM rows are used."""

    package_w: float = 280.0  # AMD, thermal design power of the 3990X
    package_cores: int = 64  # that draw it together
    shared: float = 0.25  # of it for what cores share: fabric, L3, memory controllers; assumed
    row_bytes_used: int = 1024  # that are read or written of a DRAM row each time it is opened; assumed

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_amounts(self, "package_w", most=1e4)
            with rules.apart():
                require_amounts(self, "shared", most=1.0)
            with rules.apart():
                require_amounts(self, "package_cores", "row_bytes_used", least=1)

    @property
    def core_w(self) -> float:
        """Watts of a core that works or spins."""
        return self.package_w * (1 - self.shared) / self.package_cores

    def actions_pj(
        self,
        *,
        computing: float,
        waiting: float,
        seconds: float,
        cores: int,
        read_bytes: int,
        write_bytes: int,
        channels: int,
        dram: DramEnergy,
    ) -> dict[str, float]:
        """Return picojoules by action. computing, waiting: core-seconds; a core that waits spins."""
        moved = read_bytes + write_bytes
        activates = -(-moved // self.row_bytes_used)
        traffic = DramTraffic(read_bytes, write_bytes, activates, channels)
        of_cores = cores / self.package_cores
        return {
            "array.compute": self.core_w * computing * PJ_PER_J,
            "array.wait": self.core_w * waiting * PJ_PER_J,
            **{f"dram.{name}": pj for name, pj in dram.actions_pj(traffic, seconds).items()},
            "static.shared": self.package_w * self.shared * of_cores * seconds * PJ_PER_J,
        }

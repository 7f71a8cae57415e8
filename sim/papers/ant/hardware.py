"""The accelerators of ANT's evaluation: arrays, scratchpads and DRAM, with the energies of its simulator.

Obeys: ant_simulator of github.com/clevercool/ANT-Quantization at commit bc84067, the artifact of ANT (MICRO
2022, arXiv 2208.14286): its configuration files, its table of syntheses, its sweep of CACTI 7 at 28 nm.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.arch.checks import ConfigError, nearest, require, require_integers
from tandemsim.sim.papers.ant.tables import rows

CLOCK_HZ = 500_000_000  # conf_*.ini
BATCH = 64  # run_ant.py
DRAM_BITS = 1024  # conf_*.ini: bits a cycle between DRAM and the scratchpads
OUTPUT_BITS = 16  # optimizer.py: of an output, in the scratchpad and in DRAM, whatever the operands have


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One array of fused units, and the list of bit widths that it runs."""

    name: str
    title: str
    lists: str  # whose bit widths it takes
    dataflow: str  # os or ws
    rows: int  # of units
    cols: int
    high: int  # bits of both operands when a unit does one product a cycle
    low: int  # fewest bits that it gets faster by
    leak_nw: int  # of a unit
    dynamic_nw: int  # of a unit at work, at CLOCK_HZ

    def __post_init__(self) -> None:
        require_integers(self, 1, "rows", "cols", "high", "low", "leak_nw", "dynamic_nw")
        require(self.dataflow in ("os", "ws"), "Accelerator.dataflow must be os or ws", self.dataflow)

    def pairs(self, bits: int) -> int:
        """Return how many operands of `bits` bits fit one side of a unit, which does the square a cycle."""
        return self.high // max(bits, self.low)

    @property
    def leak_nj(self) -> float:
        """Leakage of the array, nJ a cycle."""
        return self.rows * self.cols * self.leak_nw / CLOCK_HZ

    @property
    def dynamic_nj(self) -> float:
        """Dynamic energy of the array, nJ a cycle of work."""
        return self.rows * self.cols * self.dynamic_nw / CLOCK_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratchpad:
    """One scratchpad, double-buffered: half of it holds a tile. Energies are those of a bank's accesses."""

    size_bytes: int  # conf_*.ini
    banks: int
    line_bytes: int  # of an access
    read_access_nj: float
    write_access_nj: float
    bank_leak_mw: float

    @property
    def half_bits(self) -> int:
        return self.size_bytes * 8 // 2

    @property
    def read_nj(self) -> float:
        """Energy of reading a bit."""
        return self.read_access_nj / (8 * self.line_bytes)

    @property
    def write_nj(self) -> float:
        """Energy of writing a bit."""
        return self.write_access_nj / (8 * self.line_bytes)

    @property
    def leak_nj(self) -> float:
        """Leakage of all banks, nJ a cycle."""
        return self.banks * self.bank_leak_mw * 1e6 / CLOCK_HZ


# Sizes: conf_*.ini. Energies: sram/cacti_sweep.csv. The banks are the same for all accelerators.
WEIGHTS = Scratchpad(
    size_bytes=128 * 1024,
    banks=32,
    line_bytes=64,
    read_access_nj=0.0168924,
    write_access_nj=0.0203422,
    bank_leak_mw=2.96594,
)
INPUTS = Scratchpad(
    size_bytes=256 * 1024,
    banks=32,
    line_bytes=64,
    read_access_nj=0.0177688,
    write_access_nj=0.0248866,
    bank_leak_mw=5.4983,
)
OUTPUTS = Scratchpad(
    size_bytes=128 * 1024,
    banks=1024,
    line_bytes=4,
    read_access_nj=0.000294945,
    write_access_nj=0.000415925,
    bank_leak_mw=0.127708,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dram:
    """Energies of a DRAM."""

    static_nj: float  # a cycle
    read_nj: float  # a bit
    write_nj: float


REPORTED_DRAM = Dram(static_nj=484.615 / 500, read_nj=0.644304 / 1024, write_nj=0.784104 / 1024)  # stats.py
# optimizer.py decides between tilings of equal cycles by other figures than stats.py reports.
SEARCHED_DRAM = Dram(static_nj=3838.05 / 500_000, read_nj=1.18294 / 1024, write_nj=1.47797 / 1024)

ACCELERATORS = {
    row["name"]: Accelerator(
        name=row["name"],
        title=row["title"],
        lists=row["lists"],
        dataflow=row["dataflow"],
        **{key: int(row[key]) for key in ("rows", "cols", "high", "low", "leak_nw", "dynamic_nw")},
    )
    for row in rows("ant_accelerators.csv")
}


def accelerator(name: str) -> Accelerator:
    """Return an accelerator by name; `ConfigError` names the nearest otherwise."""
    if name not in ACCELERATORS:
        raise ConfigError(nearest("accelerator of ANT's evaluation", name, ACCELERATORS))
    return ACCELERATORS[name]

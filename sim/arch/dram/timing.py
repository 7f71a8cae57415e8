"""DRAM timing: what a standard states, and the spacings between commands in clocks that follow from it.

Obeys: JESD79-4 (DDR4), JESD209-5 (LPDDR5) and JESD235 (HBM2), whose symbols it has in lower case. Spacings
that they leave to the controller (read to write, rank to rank) are those of Ramulator 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.arch.checks import require, require_integers
from tandemsim.sim.arch.dram.names import check_name
from tandemsim.sim.arch.dram.rules import check_buses, check_rows

DDR4_GUARD = 974  # JESD79-4, rounding algorithms: nCK = floor(t / tCK + 0.974), as tCK itself is rounded down
MAX_BYTES = 2**40  # of a row: the ideal memory is one row
MAX_DELAY_CLOCKS, MAX_DELAY_PS = 2**20, 10**9  # assumed: a hundred times tREFI, the longest of a standard
MAX_NAME = 40  # characters; assumed
CEILING = 999  # plain rounding up, in thousandths of a clock


@dataclass(frozen=True, slots=True)
class Delay:
    """The larger of a number of clocks and a time, as the standards write ``max(4 nCK, 3.3 ns)``."""

    nck: int = 0
    ps: int = 0

    def __post_init__(self) -> None:
        require_integers(self, 0, "nck", maximum=MAX_DELAY_CLOCKS)
        require_integers(self, 0, "ps", maximum=MAX_DELAY_PS)

    def clocks(self, tck_ps: int, guard: int) -> int:
        """Return the delay in clocks of `tck_ps`; `guard` is what rounds up, in thousandths of a clock."""
        if guard == CEILING:
            return max(self.nck, -(-self.ps // tck_ps))
        return max(self.nck, (self.ps * 1000 // tck_ps + guard) // 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class DramStandard:
    """One speed bin of one standard: organization of a channel, and its timing in JEDEC symbols."""

    name: str
    tck_ps: int  # clock period
    rounding: int = CEILING  # of times to clocks, in thousandths of a clock
    # organization of one channel
    burst_bytes: int  # moved by one RD or WR
    pseudo_channels: int = 1  # HBM: halves with data buses of their own behind one command bus
    bank_groups: int  # in a rank or pseudo-channel
    banks: int  # in a bank group
    rows: int  # in a bank; 1 means that the row is always open
    row_bytes: int  # of one row, over all devices of the rank
    # data bus and column commands
    burst_clocks: int  # BL/n (LPDDR5: BL/n_min)
    long_burst_clocks: int  # BL/n_max: what same-group write-to-read counts from
    cl: Delay  # RD to the first data (RL)
    cwl: Delay  # WR to the first data (WL)
    tccd_s: Delay
    tccd_l: Delay
    twtr_s: Delay
    twtr_l: Delay
    turnaround: Delay  # idle data bus between a read and a write: preamble
    rank_switch: Delay = Delay()  # idle data bus between two ranks
    # row commands
    trcd_rd: Delay
    trcd_wr: Delay
    tras: Delay
    trc: Delay
    trp: Delay  # one bank
    trp_ab: Delay  # all banks
    trtp: Delay
    twr: Delay
    trrd_s: Delay
    trrd_l: Delay
    tfaw: Delay
    tppd: Delay = Delay()  # precharge to precharge
    trefi: Delay
    trfc: Delay
    # command bus
    act_clocks: int = 1  # clocks that ACT occupies the row command bus
    dual_command_bus: bool = False  # HBM: one column and one row command in each clock
    taad: Delay = Delay()  # LPDDR5: ACT1 to ACT2 at most; 0 means that ACT is one command
    wck_post: Delay = Delay()  # LPDDR5: clocks that WCK runs on after a burst
    wck_sync: bool = False  # LPDDR5: a CAS command starts WCK when it has stopped

    def __post_init__(self) -> None:
        fits = 0 < len(self.name) <= MAX_NAME and self.name.isprintable()
        require(fits, f"DramStandard.name must be printable, of 1 to {MAX_NAME} characters", self.name)
        powers = ("burst_bytes", "pseudo_channels", "bank_groups", "banks", "rows", "row_bytes")
        clocks = ("burst_clocks", "long_burst_clocks", "act_clocks")
        require_integers(self, 1, "tck_ps", maximum=MAX_DELAY_PS)
        require_integers(self, 1, *clocks, maximum=MAX_DELAY_CLOCKS)
        require_integers(self, 1, *powers, maximum=MAX_BYTES)
        for field in powers:
            value = getattr(self, field)
            require(value & (value - 1) == 0, f"DramStandard.{field} must be a power of two", value)
        require_integers(self, 0, "rounding", maximum=999)
        rule = f"DramStandard.row_bytes must be at least burst_bytes ({self.burst_bytes})"
        require(self.row_bytes >= self.burst_bytes, rule, self.row_bytes)
        check_name(self)
        if self.rows > 1:
            check_rows(self)
        check_buses(self)

    def clocks(self, symbol: str) -> int:
        """Return one delay, named by its symbol, in clocks."""
        delay: Delay = getattr(self, symbol)
        return delay.clocks(self.tck_ps, self.rounding)

    def ps(self, symbol: str) -> int:
        """Return one delay, named by its symbol, in picoseconds, before it is rounded to clocks."""
        delay: Delay = getattr(self, symbol)
        return max(delay.nck * self.tck_ps, delay.ps)

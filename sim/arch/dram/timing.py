"""DRAM timing: what a standard states, and the spacings between commands in clocks that follow from it.

Obeys: JESD79-4 (DDR4), JESD209-5 (LPDDR5) and JESD235 (HBM2), whose symbols it has in lower case. Spacings
that they leave to the controller (read to write, rank to rank) are those of Ramulator 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
    """One speed bin of one standard: organisation of a channel, and its timing in JEDEC symbols."""

    name: str
    tck_ps: int  # clock period
    rounding: int = CEILING  # of times to clocks, in thousandths of a clock
    # organisation of one channel
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


class Spacing(NamedTuple):
    """Least clocks from one command to the next.

    ``_s``: to another bank group, ``_l``: to the same, ``_other``: to another rank; ``preab`` closes all
    banks.
    """

    burst: int
    rd_data: int  # RD to the first data
    wr_data: int  # WR to the first data
    rd_rd_s: int
    rd_rd_l: int
    rd_rd_other: int
    rd_wr: int
    rd_wr_other: int
    wr_wr_s: int
    wr_wr_l: int
    wr_wr_other: int
    wr_rd_s: int
    wr_rd_l: int
    wr_rd_other: int
    rd_pre: int
    wr_pre: int
    act_rd: int
    act_wr: int
    act_pre: int
    act_act: int  # same bank
    act_act_s: int
    act_act_l: int
    act_act_fifth: int  # four-activate window
    act_row: int  # to the next row command of any bank of the channel
    act_ref: int
    pre_act: int
    preab_act: int
    pre_pre: int  # to another bank of the rank
    pre_ref: int
    preab_ref: int
    ref_act: int
    ref_ref: int  # also REF to PREab
    refi: int
    act2_latest: int  # 0: ACT is one command
    wck_rd: int  # RD to the clock on which WCK has stopped
    wck_wr: int


def spacing_of(standard: DramStandard, burst: int) -> Spacing:
    """Return the spacings of `standard` in clocks, for bursts of `burst` clocks."""
    n = standard.clocks
    cl, cwl, switch = n("cl"), n("cwl"), n("rank_switch")
    act = standard.act_clocks - 1  # ACT counts from its last clock, all others from their only one
    shared_bus = standard.pseudo_channels == 1
    wr_pre = cwl + burst + n("twr")
    return Spacing(
        burst=burst,
        rd_data=cl,
        wr_data=cwl,
        rd_rd_s=max(burst, n("tccd_s")),
        rd_rd_l=max(burst, n("tccd_s"), n("tccd_l")),
        rd_rd_other=burst + switch if shared_bus else 0,
        rd_wr=cl + burst + n("turnaround") - cwl,
        rd_wr_other=cl + burst + max(switch, n("turnaround")) - cwl if shared_bus else 0,
        wr_wr_s=max(burst, n("tccd_s")),
        wr_wr_l=max(burst, n("tccd_s"), n("tccd_l")),
        wr_wr_other=burst if shared_bus else 0,
        wr_rd_s=cwl + burst + n("twtr_s"),
        wr_rd_l=max(cwl + burst + n("twtr_s"), cwl + max(burst, standard.long_burst_clocks) + n("twtr_l")),
        wr_rd_other=max(0, cwl + burst + switch - cl) if shared_bus else 0,
        rd_pre=n("trtp"),
        wr_pre=wr_pre,
        act_rd=n("trcd_rd") + act,
        act_wr=n("trcd_wr") + act,
        act_pre=n("tras") + act,
        act_act=n("trc"),
        act_act_s=max(n("trrd_s"), standard.act_clocks),
        act_act_l=max(n("trrd_s"), n("trrd_l"), standard.act_clocks),
        act_act_fifth=n("tfaw"),
        act_row=standard.act_clocks,
        act_ref=n("trc") + act,
        pre_act=n("trp") - act,
        preab_act=n("trp_ab") - act,
        pre_pre=n("tppd"),
        pre_ref=n("trp"),
        preab_ref=n("trp_ab"),
        ref_act=n("trfc") - act,
        ref_ref=n("trfc"),
        refi=n("trefi"),
        act2_latest=n("taad"),
        wck_rd=cl + burst + n("wck_post") if standard.wck_sync else 0,
        wck_wr=cwl + burst + n("wck_post") if standard.wck_sync else 0,
    )

"""The least clocks between two DRAM commands, made of the delays of a standard; and that every request ends.

Obeys: what JEDEC's symbols mean. Limits that no standard has say `assumed`.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.dram.timing import DramStandard

REFRESH_SHARE = 11, 10  # assumed: at least a tenth more than a refresh, so that late ones are made up for


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


def check_refresh(s: Spacing, ranks: int) -> None:
    """Between two refreshes a bank can be opened, read or written, and closed: else nothing ever ends.

    Nor may any other command wait for longer than an interval: refreshes would pile up without end.
    """
    access = max(s.act_pre, s.act_rd + s.rd_pre, s.act_wr + s.wr_pre, s.act_act) + s.pre_ref
    least = (s.ref_act + access + ranks) * REFRESH_SHARE[0] // REFRESH_SHARE[1]
    rule = f"DramStandard.trefi must exceed a refresh and an access ({least} clocks)"
    require(s.refi > least, rule, s.refi)
    rule = f"DramStandard.trefi must exceed every other delay ({longest_wait(s)} clocks)"
    require(s.refi > longest_wait(s), rule, s.refi)


def longest_wait(s: Spacing) -> int:
    """Return the most clocks for which one command makes another wait, refreshes' interval apart.

    An access with auto-precharge delays by its recovery and by what follows a precharge.
    """
    spaced: list[int] = [getattr(s, name) for name in s._fields if name not in ("refi", "act2_latest")]
    return max(*spaced, max(s.rd_pre, s.wr_pre) + max(s.pre_act, s.pre_ref))

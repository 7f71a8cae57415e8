"""What the timing of a DRAM must satisfy, so that a device could have it and every request ends.

Obeys: what JEDEC's symbols mean (tRC is a row's tRAS and its tRP). Limits that no standard has say `assumed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import require

if TYPE_CHECKING:
    from tandemsim.sim.arch.dram.timing import DramStandard, Spacing

REFRESH_SHARE = 11, 10  # assumed: at least a tenth more than a refresh, so that late ones are made up for


def check_rows(s: DramStandard) -> None:
    """Check the delays of a device that opens and closes rows."""
    for symbol in ("cl", "cwl", "trcd_rd", "trcd_wr", "tras", "trp", "trp_ab"):
        require(s.clocks(symbol) >= 1, f"DramStandard.{symbol} must be at least 1 clock", s.clocks(symbol))
    cycle_ps, active_ps, precharge_ps = s.ps("trc"), s.ps("tras"), s.ps("trp")
    least = active_ps + precharge_ps
    require(cycle_ps >= least, f"DramStandard.trc must be at least tras + trp ({least} ps)", cycle_ps)
    for symbol in ("trcd_rd", "trcd_wr"):
        rule = f"DramStandard.tras must be at least {symbol} ({s.ps(symbol)} ps)"
        require(active_ps >= s.ps(symbol), rule, active_ps)
    rule = f"DramStandard.trp_ab must be at least trp ({precharge_ps} ps)"
    require(s.ps("trp_ab") >= precharge_ps, rule, s.ps("trp_ab"))
    rule = f"DramStandard.long_burst_clocks must be at least burst_clocks ({s.burst_clocks})"
    require(s.long_burst_clocks >= s.burst_clocks, rule, s.long_burst_clocks)


def check_buses(s: DramStandard) -> None:
    """Check that the command bus is one of those that standards have."""
    most = max(1, s.clocks("trp"))
    rule = f"DramStandard.act_clocks must be at most trp ({most} clocks)"
    require(s.act_clocks <= most, rule, s.act_clocks)
    two_steps = s.wck_sync or s.clocks("taad") > 0
    rule = "DramStandard.dual_command_bus must be false with wck_sync or taad: a standard has one of them"
    require(not (s.dual_command_bus and two_steps), rule, s.dual_command_bus)


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

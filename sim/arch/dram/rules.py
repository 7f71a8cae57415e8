"""What the timing of a DRAM must satisfy, so that a device could have it.

Obeys: what JEDEC's symbols mean (tRC is a row's tRAS and its tRP).
"""

from __future__ import annotations

from typing import Protocol

from tandemsim.sim.arch.checks import require


class Standard(Protocol):
    """What the rules read of a `sim.arch.dram.timing.DramStandard`, which checks itself by them."""

    @property
    def burst_clocks(self) -> int: ...
    @property
    def long_burst_clocks(self) -> int: ...
    @property
    def act_clocks(self) -> int: ...
    @property
    def dual_command_bus(self) -> bool: ...
    @property
    def wck_sync(self) -> bool: ...
    def clocks(self, symbol: str) -> int:
        """Return one delay, named by its symbol, in clocks."""

    def ps(self, symbol: str) -> int:
        """Return one delay, named by its symbol, in picoseconds."""


def check_rows(s: Standard) -> None:
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


def check_buses(s: Standard) -> None:
    """Check that the command bus is one of those that standards have."""
    most = max(1, s.clocks("trp"))
    rule = f"DramStandard.act_clocks must be at most trp ({most} clocks)"
    require(s.act_clocks <= most, rule, s.act_clocks)
    two_steps = s.wck_sync or s.clocks("taad") > 0
    rule = "DramStandard.dual_command_bus must be false with wck_sync or taad: a standard has one of them"
    require(not (s.dual_command_bus and two_steps), rule, s.dual_command_bus)

"""The standards cell by cell against the cycle tables of Ramulator 2.1, and the presets made of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.spacing import Spacing
from tandemsim.sim.arch.dram.standards import DDR4_2400, DRAMS, IDEAL
from tandemsim.sim.arch.dram.timing import Delay
from tests.memory.jedec import CONFIG, RFC, STANDARDS, device

# Where we follow JEDEC, or the data bus, and Ramulator 2.1 does not: (scope, from, to) -> theirs, ours.
EXCEPTIONS = {
    # tRFC of 8 Gb is 350 ns, not 360
    "ddr4-2400": {("Rank", "REF", "ACT"): (433, 421), ("Rank", "REF", "PREAB"): (433, 421)},
    "ddr4-3200": {("Rank", "REF", "ACT"): (576, 560), ("Rank", "REF", "PREAB"): (576, 560)},
    "lpddr5-6400": {("Rank", "PREAB", "REF"): (15, 17)},  # tRPab, not tRPpb
    "hbm2": {},
}
# A write to another rank must not meet the data of the read before it; theirs lets it.
RANK_EXCEPTIONS = {
    "ddr4-2400": {("RD", "WR"): (6, 10)},
    "ddr4-3200": {("RD", "WR"): (6, 12)},
    "lpddr5-6400": {("RD", "WR"): (4, 12), ("WR", "RD"): (12, 0)},  # theirs is the formula of RD to WR
}
NAMES = {"PREpb": "PRE", "PREab": "PREAB", "REFab": "REF", "ACT1": "ACT"}
NOT_MODELED = {"REFpb", "CAS_RD", "CAS_WR"}


def their_cells(name: str, siblings: bool) -> dict[tuple[str, str, str], int]:
    """(scope, from, to) -> the largest spacing of Ramulator's table, its windows of four activates apart."""
    cells: dict[tuple[str, str, str], int] = {}
    for row in CONFIG[STANDARDS[name]]["min_spacing_table"]:
        if row["window"] == 1 and row["applies_to_sibling_nodes"] == siblings:
            for before in set(row["from"]) - NOT_MODELED:
                for after in set(row["to"]) - NOT_MODELED:
                    scope = row["scope"].replace("PseudoChannel", "Rank")
                    key = scope, NAMES.get(before, before), NAMES.get(after, after)
                    cells[key] = max(cells.get(key, 0), row["min_cycles"])
    return cells


def our_cells(s: Spacing) -> dict[tuple[str, str, str], int]:
    """The same cells from the model's spacings; an auto-precharge is an access and a precharge."""
    cells = {
        ("Bank", "ACT", "ACT"): s.act_act,
        ("Bank", "ACT", "RD"): s.act_rd,
        ("Bank", "ACT", "WR"): s.act_wr,
        ("Bank", "ACT", "PRE"): s.act_pre,
        ("Bank", "PRE", "ACT"): s.pre_act,
        ("Bank", "RD", "PRE"): s.rd_pre,
        ("Bank", "WR", "PRE"): s.wr_pre,
        ("Bank", "RDA", "ACT"): s.rd_pre + s.pre_act,
        ("Bank", "WRA", "ACT"): s.wr_pre + s.pre_act,
        ("BankGroup", "RD", "RD"): s.rd_rd_l,
        ("BankGroup", "WR", "WR"): s.wr_wr_l,
        ("BankGroup", "WR", "RD"): s.wr_rd_l,
        ("BankGroup", "ACT", "ACT"): s.act_act_l,
        ("Rank", "RD", "RD"): s.rd_rd_s,
        ("Rank", "WR", "WR"): s.wr_wr_s,
        ("Rank", "RD", "WR"): s.rd_wr,
        ("Rank", "WR", "RD"): s.wr_rd_s,
        ("Rank", "RD", "PREAB"): s.rd_pre,
        ("Rank", "WR", "PREAB"): s.wr_pre,
        ("Rank", "ACT", "ACT"): s.act_act_s,
        ("Rank", "ACT", "PREAB"): s.act_pre,
        ("Rank", "PREAB", "ACT"): s.preab_act,
        ("Rank", "ACT", "REF"): s.act_ref,
        ("Rank", "PRE", "REF"): s.pre_ref,
        ("Rank", "PREAB", "REF"): s.preab_ref,
        ("Rank", "RDA", "REF"): s.rd_pre + s.pre_ref,
        ("Rank", "WRA", "REF"): s.wr_pre + s.pre_ref,
        ("Rank", "REF", "ACT"): s.ref_act,
        ("Rank", "REF", "PREAB"): s.ref_ref,
        ("Channel", "RD", "RD"): s.burst,
        ("Channel", "WR", "WR"): s.burst,
    }
    if s.act2_latest:
        cells |= dict.fromkeys(
            ((("Rank", a, b)) for a in ("PRE", "PREAB") for b in ("PRE", "PREAB")), s.pre_pre
        )
        cells["Rank", "REF", "REF"] = s.ref_ref
    if s.act_row > 1:
        cells = {key: clocks for key, clocks in cells.items() if key[0] != "Channel"}
        cells |= {("Channel", "ACT", after): s.act_row for after in ("ACT", "PRE", "PREAB", "REF")}
    return cells


def same_with_auto_precharge(cells: dict[tuple[str, str, str], int]) -> dict[tuple[str, str, str], int]:
    """Add RDA and WRA, which are spaced as RD and WR are, but for what follows their precharge."""
    found = dict(cells)
    for (scope, before, after), clocks in cells.items():
        for first in {before, {"RD": "RDA", "WR": "WRA"}.get(before, before)}:
            for second in {after, {"RD": "RDA", "WR": "WRA"}.get(after, after)}:
                if not (first in ("RDA", "WRA") and second in ("PRE", "PREAB")):
                    found[scope, first, second] = clocks
    return found


@pytest.mark.parametrize("name", STANDARDS)
def test_every_spacing_is_that_of_ramulator_but_for_the_exceptions(name: str) -> None:
    theirs = their_cells(name, siblings=False)
    for key, (their_clocks, our_clocks) in EXCEPTIONS[name].items():
        assert theirs[key] == their_clocks
        theirs[key] = our_clocks
    assert same_with_auto_precharge(our_cells(DRAMS[name].timing.spacing)) == theirs


@pytest.mark.parametrize("name", RANK_EXCEPTIONS)
def test_ranks_are_spaced_as_ramulator_has_them_but_for_the_exceptions(name: str) -> None:
    s = DRAMS[name].timing.spacing
    ours = {("RD", "RD"): s.rd_rd_other, ("RD", "WR"): s.rd_wr_other, ("WR", "RD"): s.wr_rd_other}
    theirs = {key[1:]: clocks for key, clocks in their_cells(name, siblings=True).items()}
    for key, (their_clocks, our_clocks) in RANK_EXCEPTIONS[name].items():
        assert theirs[key] == their_clocks
        theirs[key] = our_clocks
    assert ours == {key: theirs[key] for key in ours}
    assert s.wr_wr_other == CONFIG[STANDARDS[name]]["timing_cycles"].get("nBL", s.burst)


@pytest.mark.parametrize("name", STANDARDS)
def test_the_checkers_rules_are_the_same_table(name: str) -> None:
    theirs = their_cells(name, siblings=False)
    theirs |= {key: ours for key, (_, ours) in EXCEPTIONS[name].items()}
    rules = {(rule.scope, rule.before, rule.after): rule.clocks for rule in device(name).rules}
    scopes = {"Bank": "bank", "BankGroup": "group", "Rank": "rank"}
    for (scope, before, after), clocks in theirs.items():
        if scope != "Channel":
            assert rules[scopes[scope], before, after] == clocks, (scope, before, after)


@pytest.mark.parametrize("name", STANDARDS)
def test_times_and_sizes_are_those_of_the_standard(name: str) -> None:
    config = CONFIG[STANDARDS[name]]
    cycles, counts, standard = config["timing_cycles"], config["counts_per_level"], DRAMS[name].standard
    timing = DRAMS[name].timing
    window = [row for row in config["min_spacing_table"] if row["window"] == 4]
    assert [row["min_cycles"] for row in window] == [timing.spacing.act_act_fifth] == [cycles["nFAW"]]
    assert timing.spacing.refi == cycles["nREFI"]
    assert timing.spacing.ref_ref == RFC.get(name, cycles["nRFC"])
    assert timing.read_latency == config["read_latency_cycles_from_RD"]
    assert timing.spacing.rd_data == cycles["nCL"] and timing.spacing.wr_data == cycles["nCWL"]
    assert timing.spacing.act2_latest == cycles.get("nAAD", 0)
    assert standard.tck_ps == config["clock_period_ps"]
    assert standard.burst_bytes == config["burst_bytes"]
    assert standard.row_bytes == config["row_bytes_per_bank"]
    assert standard.pseudo_channels == counts.get("PseudoChannel", 1)
    assert (standard.bank_groups, standard.banks) == (counts["BankGroup"], counts["Bank"])
    assert standard.rows == counts["Row"]
    assert standard.act_clocks == config["command_bus_cycles"].get("ACT", 1)
    assert standard.dual_command_bus == (config["commands_per_clock"] != "one")


@pytest.mark.parametrize(
    ("name", "peak", "capacity"),
    [
        ("ddr4-2400", 19.2e9, 8 << 30),  # 64 bits at 2400 MT/s; eight devices of 8 Gb
        ("ddr4-3200", 25.6e9, 8 << 30),
        ("lpddr5-6400", 12.8e9, 1 << 30),  # 16 bits; one device of 8 Gb
        ("hbm2", 32e9, 1 << 30),  # 128 bits at 2000 MT/s
        ("ideal", 19.2e9, 1 << 40),
    ],
)
def test_peak_and_capacity_are_those_of_the_devices(name: str, peak: float, capacity: int) -> None:
    config = DRAMS[name]
    assert config.peak_bytes_per_second == pytest.approx(peak, rel=5e-4)  # clocks are whole picoseconds
    assert config.capacity_bytes == capacity
    four = replace(config, channels=4)
    assert four.peak_bytes_per_second == pytest.approx((1 if name == "ideal" else 4) * peak, rel=5e-4)
    assert four.capacity_bytes == 4 * capacity


@pytest.mark.parametrize(
    ("ps", "clocks"),
    [(0, 0), (833, 1), (7_500, 9), (13_320, 16), (45_320, 55), (350_000, 421), (360_000, 433)],
)
def test_ddr4_rounds_as_jesd79_4_has_it(ps: int, clocks: int) -> None:
    """floor(t / tCK + 0.974): 7.5 ns are 9.0036 clocks of 833 ps, which stands for 833.33, so 9."""
    assert Delay(0, ps).clocks(833, DDR4_2400.rounding) == clocks


def test_other_standards_round_up() -> None:
    assert [Delay(2, ps).clocks(1_250, IDEAL.rounding) for ps in (0, 2_500, 2_501, 18_000)] == [2, 2, 3, 15]


def settings(**changes: Any) -> DramConfig:
    return replace(DRAMS["ddr4-2400"], **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 3}, "DramConfig.channels must be a power of two, not 3"),
        ({"ranks": 16}, "DramConfig.ranks must be at most 8, not 16"),
        ({"ranks": 8}, "DramConfig must have at most 64 banks a channel, not 128"),
        ({"read_queue": 65}, "DramConfig.read_queue must be at most 64, not 65"),
        (
            {"write_low_watermark": 0.9},
            "DramConfig watermarks must satisfy 0 <= low <= high <= 1, not (0.9, 0.8)",
        ),
        (
            {"bandwidth_bytes_per_second": 10**9},
            "DramConfig.bandwidth_bytes_per_second must be none for ddr4-2400, not 1000000000",
        ),
        ({"standard": DRAMS["hbm2"].standard, "ranks": 2}, "DramConfig.ranks must be 1 for a standard with"),
        ({"standard": IDEAL, "bandwidth_bytes_per_second": 0}, "must be a positive integer, not 0"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        settings(**changes)


def test_write_mode_starts_above_the_high_watermark_and_ends_below_the_low_one() -> None:
    """Ramulator 2.1: at 26 of 32 queued writes or more, and below 7."""
    timing = settings().timing
    assert (timing.write_enter, timing.write_leave) == (26, 7)
    assert settings(write_queue=1).timing.write_enter == 1
    assert settings(scheduler=Scheduler.FCFS).timing.in_order == 1

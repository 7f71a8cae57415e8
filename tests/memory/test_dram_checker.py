"""The checker of command logs finds what is wrong, and each spacing of a channel that is too short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tandemsim.sim.arch.dram.spacing import Spacing
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.memory.dram.state import new_dram
from tests.memory import replay as replay_module
from tests.memory.checker import Checker
from tests.memory.jedec import STANDARDS, device
from tests.memory.replay import REFI, Logged, as_requests, random_requests, replay, short_refresh

LEGAL = [Logged(1, "ACT", 0, 7), Logged(17, "RD", 0, 7), Logged(40, "PRE", 0, 7), Logged(56, "ACT", 0, 8)]


@pytest.mark.parametrize(
    ("line", "change", "fault"),
    [
        (1, {"clock": 16}, "before='ACT', after='RD'"),
        (1, {"row": 8}, "the row is not open"),
        (1, {"where": 1}, "the row is not open"),
        (2, {"clock": 39}, "before='ACT', after='PRE'"),
        (3, {"clock": 55}, "before='PRE', after='ACT'"),
        (2, {"where": 3}, "the row was not open"),
        (2, {"clock": 17}, "the command bus is taken"),
        (2, {"command": "REF", "row": -1}, "a row is open"),
        (3, {"clock": 40}, "the command bus is taken"),
        (1, {"command": "ACT"}, "a row is open"),
        (0, {"clock": 18}, "the log is not in order"),
    ],
)
def test_the_checker_finds_a_command_that_is_wrong(line: int, change: dict[str, Any], fault: str) -> None:
    assert Checker(device("ddr4-2400")).check(LEGAL) == []
    wrong = [*LEGAL[:line], LEGAL[line]._replace(**change), *LEGAL[line + 1 :]]
    assert any(fault in found for found in Checker(device("ddr4-2400")).check(wrong))


def test_the_checker_counts_refreshes() -> None:
    late = [Logged(2 * 9364, "REF", 0, -1)]
    assert "the refresh was due at 9364" in Checker(device("ddr4-2400")).check(late)[0]


# What need not be waited for, because something else always takes longer.
IMPLIED = {"ref_ref", "preab_act"}  # REF to REF: tREFI; PREab is followed by REF
IMPLIED_IN = {
    "ddr4-2400": {"act_row", "pre_pre"},  # the command bus
    "ddr4-3200": {"act_row", "pre_pre"},
    "hbm2": {"pre_pre", "act_act_l", "act_act_fifth"},  # tRRD_S is as long as tRRD_L, four of them than tFAW
    "lpddr5-6400": {"act_row", "act_act_l", "act_act_fifth", "wr_rd_s"},  # the CAS that starts WCK again
}
OF_RANKS = {"rd_rd_other", "rd_wr_other", "wr_wr_other", "wr_rd_other"}
NO_SPACINGS = {"rd_data", "wr_data", "burst", "refi", "act2_latest", "wck_rd", "wck_wr"}


def faults(name: str, ranks: int = 1) -> list[str]:
    """Faults in the logs of busy channels, and of one with a few accesses before each refresh."""
    d = device(name, ranks, REFI=REFI)
    before_refresh = [
        (k * REFI - 12 - k, k // 2 % 2, 0, k % 3 + row, column)
        for k in range(1, 73)
        for row, column in [(0, 0), (0, 1), (1, 0)][: 1 + k % 3]
    ]
    busy = random_requests(d.bank_count, 400, seed=7)
    found = []
    for row_cap, requests in [(0, busy), (2, busy), (1, as_requests(before_refresh))]:
        config = replace(short_refresh(DRAMS[name]), row_cap=row_cap, ranks=ranks)
        found += Checker(d).check(replay(config, requests, logging=True).log)
    return found


def changed(monkeypatch: pytest.MonkeyPatch, field: str, clocks: int) -> None:
    """Give every channel another value of a field of the timing."""

    def made(*arguments: Any) -> Any:
        dram = new_dram(*arguments)
        dram.timing[field] += clocks
        return dram

    monkeypatch.setattr(replay_module, "new_dram", made)


@pytest.mark.parametrize("name", STANDARDS)
def test_a_spacing_that_is_one_clock_too_short_is_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faults(name) == []
    unfound = set()
    for field in set(Spacing._fields) - NO_SPACINGS - OF_RANKS:
        changed(monkeypatch, field, -1)
        if not faults(name):
            unfound.add(field)
    assert unfound == IMPLIED | IMPLIED_IN[name]


@pytest.mark.parametrize("name", ["ddr4-2400", "lpddr5-6400"])
def test_a_spacing_of_ranks_that_is_one_clock_too_short_is_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faults(name, ranks=2) == []
    unfound = set()
    for field in OF_RANKS:
        changed(monkeypatch, field, -1)
        if not faults(name, ranks=2):
            unfound.add(field)
    assert unfound == ({"wr_rd_other"} if name == "lpddr5-6400" else set())  # 0: never waited for


@pytest.mark.parametrize(("field", "clocks"), [("wck_rd", 1), ("wck_wr", 1), ("refi", -1), ("refi", REFI)])
def test_wck_that_is_thought_to_run_and_refreshes_at_other_times_are_found_out(
    field: str, clocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, field, clocks)
    assert faults("lpddr5-6400") != []

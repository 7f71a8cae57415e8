"""Probes: the earliest clock of each command after another, worked out by hand.

A request that is due at clock t can have its command at t + 1. Banks 0..3 are one group, 4..7 the next.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import Delay
from tests.memory.jedec import STANDARDS
from tests.memory.replay import as_requests, replay

READ, WRITE = 0, 1

PAIRS = {
    # (due, kind, bank, row) of each request
    "two rows of a bank": [(0, READ, 0, 0), (0, READ, 0, 1)],
    "two rows of a bank, written": [(0, WRITE, 0, 0), (0, WRITE, 0, 1)],
    "two banks of a group": [(0, READ, 0, 0), (0, READ, 1, 0)],
    "five activates": [(0, READ, bank, 0) for bank in (0, 4, 8, 12, 1)],
    "read to write": [(0, READ, 0, 0), (200, READ, 0, 0), (201, WRITE, 0, 0)],
    "write to read, same group": [(0, READ, 0, 0), (200, WRITE, 0, 0), (201, READ, 0, 0)],
    "write to read, other group": [(0, READ, 0, 0), (0, READ, 4, 0), (200, WRITE, 0, 0), (201, READ, 4, 0)],
}
PROBES = {
    "ddr4-2400": {
        # tRCD 16; tRAS 39; tRP 16
        "two rows of a bank": "1 ACT 0, 17 RD 0, 40 PRE 0, 56 ACT 0, 72 RD 0",
        # CWL 12 + BL 4 + tWR 18 after the WR
        "two rows of a bank, written": "1 ACT 0, 17 WR 0, 51 PRE 0, 67 ACT 0, 83 WR 0",
        # tRRD_L 6, tCCD_L 6
        "two banks of a group": "1 ACT 0, 7 ACT 1, 17 RD 0, 23 RD 1",
        # tRRD_S 4, tCCD_S 4; the fifth waits for tFAW 26
        "five activates": (
            "1 ACT 0, 5 ACT 4, 9 ACT 8, 13 ACT 12, 17 RD 0, 21 RD 4, 25 RD 8, 27 ACT 1, 29 RD 12, 43 RD 1"
        ),
        # CL 16 + BL 4 + 2 - CWL 12
        "read to write": "1 ACT 0, 17 RD 0, 201 RD 0, 211 WR 0",
        # CWL 12 + BL 4 + tWTR_L 9
        "write to read, same group": "1 ACT 0, 17 RD 0, 201 WR 0, 226 RD 0",
        # CWL 12 + BL 4 + tWTR_S 3
        "write to read, other group": "1 ACT 0, 5 ACT 4, 17 RD 0, 21 RD 4, 201 WR 0, 220 RD 4",
    },
    "ddr4-3200": {
        # tRCD 22; tRAS 52; tRP 22
        "two rows of a bank": "1 ACT 0, 23 RD 0, 53 PRE 0, 75 ACT 0, 97 RD 0",
        # CWL 16 + BL 4 + tWR 24
        "two rows of a bank, written": "1 ACT 0, 23 WR 0, 67 PRE 0, 89 ACT 0, 111 WR 0",
        # tRRD_L 8, tCCD_L 8
        "two banks of a group": "1 ACT 0, 9 ACT 1, 23 RD 0, 31 RD 1",
        # tFAW 34, and one clock more, since a read has the bus
        "five activates": (
            "1 ACT 0, 5 ACT 4, 9 ACT 8, 13 ACT 12, 23 RD 0, 27 RD 4, 31 RD 8, 35 RD 12, 36 ACT 1, 58 RD 1"
        ),
        # CL 22 + BL 4 + 2 - CWL 16
        "read to write": "1 ACT 0, 23 RD 0, 201 RD 0, 213 WR 0",
        # CWL 16 + BL 4 + tWTR_L 12
        "write to read, same group": "1 ACT 0, 23 RD 0, 201 WR 0, 233 RD 0",
        # CWL 16 + BL 4 + tWTR_S 4
        "write to read, other group": "1 ACT 0, 5 ACT 4, 23 RD 0, 27 RD 4, 201 WR 0, 225 RD 4",
    },
    "hbm2": {
        # ACT ends on its second clock: tRCDRD 14 + 1; tRAS 34 + 1; tRP 14 - 1
        "two rows of a bank": "1 ACT 0, 16 RD 0, 36 PRE 0, 49 ACT 0, 64 RD 0",
        # tRCDWR 12 + 1; CWL 5 + BL 2 + tWR 16
        "two rows of a bank, written": "1 ACT 0, 14 WR 0, 37 PRE 0, 50 ACT 0, 63 WR 0",
        # tRRD 4, tCCD_L 4
        "two banks of a group": "1 ACT 0, 5 ACT 1, 16 RD 0, 20 RD 1",
        # four tRRD outlast tFAW 15; a row command passes while the column bus waits
        "five activates": (
            "1 ACT 0, 5 ACT 4, 9 ACT 8, 13 ACT 12, 16 RD 0, 17 ACT 1, 20 RD 4, 24 RD 8, 28 RD 12, 32 RD 1"
        ),
        # CL 14 + BL 2 + 2 - CWL 5
        "read to write": "1 ACT 0, 16 RD 0, 201 RD 0, 214 WR 0",
        # CWL 5 + BL 2 + tWTR_L 8
        "write to read, same group": "1 ACT 0, 16 RD 0, 201 WR 0, 216 RD 0",
        # CWL 5 + BL 2 + tWTR_S 6
        "write to read, other group": "1 ACT 0, 5 ACT 4, 16 RD 0, 20 RD 4, 201 WR 0, 214 RD 4",
    },
    "lpddr5-6400": {
        # ACT1 to RD: tRCD 15, on which CAS goes first; tRAS 34; tRPpb 15
        "two rows of a bank": (
            "1 ACT 0, 2 ACT2 0, 16 CAS 0, 17 RD 0, 35 PRE 0, 50 ACT 0, 51 ACT2 0, 65 CAS 0, 66 RD 0"
        ),
        # WL 9 + BL/n 2 + tWR 28
        "two rows of a bank, written": (
            "1 ACT 0, 2 ACT2 0, 16 CAS 0, 17 WR 0, 56 PRE 0, 71 ACT 0, 72 ACT2 0, 86 CAS 0, 87 WR 0"
        ),
        # tRRD 4; tCCD_L 4, and WCK runs
        "two banks of a group": "1 ACT 0, 2 ACT2 0, 5 ACT 1, 6 ACT2 1, 16 CAS 0, 17 RD 0, 21 RD 1",
        # tFAW 16, and one clock more, since a read has the bus
        "five activates": (
            "1 ACT 0, 2 ACT2 0, 5 ACT 4, 6 ACT2 4, 9 ACT 8, 10 ACT2 8, 13 ACT 12, 14 ACT2 12, "
            "16 CAS 0, 17 RD 0, 18 ACT 1, 19 ACT2 1, 20 RD 4, 24 RD 8, 28 RD 12, 33 RD 1"
        ),
        # RL 17 + BL/n 2 + 2 - WL 9
        "read to write": "1 ACT 0, 2 ACT2 0, 16 CAS 0, 17 RD 0, 201 CAS 0, 202 RD 0, 214 WR 0",
        # WL 9 + BL/n_max 4 + tWTR_L 10; WCK has stopped by then
        "write to read, same group": (
            "1 ACT 0, 2 ACT2 0, 16 CAS 0, 17 RD 0, 201 CAS 0, 202 WR 0, 225 CAS 0, 226 RD 0"
        ),
        # WL 9 + BL/n 2 + tWTR_S 5
        "write to read, other group": (
            "1 ACT 0, 2 ACT2 0, 5 ACT 4, 6 ACT2 4, 16 CAS 0, 17 RD 0, 20 RD 4, 201 CAS 0, 202 WR 0, "
            "218 CAS 4, 219 RD 4"
        ),
    },
}
REFRESHES = [
    # a row is open; tREFI, then tRP (tRPab 17), then tRFC
    ("ddr4-2400", 9364, "1 ACT 0, 17 RD 0, 9364 PREAB 0, 9380 REF 0, 9801 ACT 0, 9817 RD 0"),
    ("ddr4-3200", 12480, "1 ACT 0, 23 RD 0, 12480 PREAB 0, 12502 REF 0, 13062 ACT 0, 13084 RD 0"),
    # the other pseudo-channel has no row open and only waits for the bus
    ("hbm2", 3900, "1 ACT 0, 16 RD 0, 3900 PREAB 0, 3914 REF 0, 3915 REF 1, 4173 ACT 0, 4188 RD 0"),
    (
        "lpddr5-6400",
        3125,
        (
            "1 ACT 0, 2 ACT2 0, 16 CAS 0, 17 RD 0, 3125 PREAB 0, 3142 REF 0, 3310 ACT 0, "
            "3311 ACT2 0, 3325 CAS 0, 3326 RD 0"
        ),
    ),
]


def issued(config: DramConfig, rows: list[tuple[int, int, int, int]]) -> str:
    log = replay(config, as_requests([(*row, i) for i, row in enumerate(rows)]), logging=True).log
    return ", ".join(f"{line.clock} {line.command} {line.where}" for line in log)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", STANDARDS)
def test_commands_issue_on_the_earliest_clock(name: str, pair: str) -> None:
    assert issued(replace(DRAMS[name], refresh=False), PAIRS[pair]) == PROBES[name][pair]


@pytest.mark.parametrize(("name", "interval", "commands"), REFRESHES)
def test_a_refresh_closes_all_banks_and_shuts_them_for_trfc(name: str, interval: int, commands: str) -> None:
    assert issued(DRAMS[name], [(0, READ, 0, 0), (interval + 10, READ, 0, 0)]) == commands


def test_a_row_that_has_had_its_accesses_is_closed_by_the_next_or_by_a_precharge() -> None:
    """ACT after RDA waits for tRC 55, which is longer than tRTP + tRP; after WRA for CWL + BL + tWR + tRP."""
    config = replace(DRAMS["ddr4-2400"], refresh=False, row_cap=1)
    reads = [(0, READ, 0, 0), (0, READ, 0, 0), (0, READ, 0, 1)]
    assert issued(config, reads) == "1 ACT 0, 17 RD 0, 23 RDA 0, 56 ACT 0, 72 RD 0"
    writes = [(0, WRITE, 0, 0), (0, WRITE, 0, 0), (0, WRITE, 0, 1)]
    assert issued(config, writes) == "1 ACT 0, 17 WR 0, 23 WRA 0, 73 ACT 0, 89 WR 0"
    assert (
        issued(config, [(0, READ, 0, 0), (100, READ, 4, 0)])
        == "1 ACT 0, 17 RD 0, 40 PRE 0, 101 ACT 4, 117 RD 4"
    )


def test_two_ranks_leave_the_data_bus_idle_between_them() -> None:
    """tCS 2: RD to RD BL + 2; RD to WR CL + BL + 2 - CWL; WR to RD CWL + BL + 2 - CL; WR to WR BL alone."""
    config = replace(DRAMS["ddr4-2400"], refresh=False, ranks=2)
    opened = [(0, READ, 0, 0), (0, READ, 16, 0)]
    pairs = [(200, READ, 0, 0), (200, READ, 16, 0), (300, READ, 0, 0), (301, WRITE, 16, 0)]
    pairs += [(400, WRITE, 0, 0), (401, READ, 16, 0), (500, WRITE, 0, 0), (500, WRITE, 16, 0)]
    assert issued(config, opened + pairs) == (
        "1 ACT 0, 2 ACT 16, 17 RD 0, 23 RD 16, 201 RD 0, 207 RD 16, 301 RD 0, 311 WR 16, "
        "401 WR 0, 403 RD 16, 501 WR 0, 505 WR 16"
    )


def test_a_write_to_another_rank_waits_for_the_turnaround_if_that_is_longer() -> None:
    """tCS 1, and two idle clocks between a read and a write: CL 16 + BL 4 + 2 - CWL 12."""
    standard = replace(DRAMS["ddr4-2400"].standard, rank_switch=Delay(1))
    config = replace(DRAMS["ddr4-2400"], standard=standard, refresh=False, ranks=2)
    opened = [(0, READ, 0, 0), (0, READ, 16, 0), (300, READ, 0, 0), (301, WRITE, 16, 0)]
    assert issued(config, opened).endswith("301 RD 0, 311 WR 16")


def test_no_row_is_opened_between_the_two_commands_of_another() -> None:
    """In order, and with the other rank free at once: ACT1 to it waits for ACT2 all the same."""
    config = replace(DRAMS["lpddr5-6400"], refresh=False, ranks=2, scheduler=Scheduler.FCFS)
    commands = "1 ACT 0, 2 ACT2 0, 3 ACT 16, 4 ACT2 16, 16 CAS 0, 17 RD 0, 21 RD 16"
    assert issued(config, [(0, READ, 0, 0), (0, READ, 16, 0)]) == commands

"""Rows that are closed after a number of accesses: every command on the clock that brute force finds.

An auto-precharge can meet the need for which a precharge is urgent, in a clock in which a second bus is free
for what comes next; so the requests here are runs of accesses to one row, hundreds of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.dram.config import Scheduler
from tests.memory.compare import check_against_brute_force
from tests.memory.jedec import STANDARDS, device
from tests.memory.replay import hot_requests

COUNT = 300


def changes(rng: np.random.Generator, row_cap: int, scheduler: Scheduler) -> dict[str, Any]:
    reads, writes = (int(rng.choice([1, 2, 8, 32])) for _ in range(2))
    refresh = bool(rng.integers(0, 3))
    return {
        "row_cap": row_cap,
        "scheduler": scheduler,
        "read_queue": reads,
        "write_queue": writes,
        "refresh": refresh,
    }


@pytest.mark.parametrize("scheduler", Scheduler)
@pytest.mark.parametrize("row_cap", [1, 2, 3, 4])
@pytest.mark.parametrize("name", STANDARDS)
def test_rows_are_closed_when_brute_force_closes_them(name: str, row_cap: int, scheduler: Scheduler) -> None:
    for seed in range(4 if name == "hbm2" else 1):  # HBM2 has 32 banks and a row bus of its own
        rng = np.random.default_rng([0, row_cap, seed])
        ranks = 1 if name == "hbm2" else 1 + row_cap % 2
        requests = hot_requests(device(name, ranks).bank_count, COUNT, rng)
        act2_latest = int(rng.choice([1, 2, 8]))  # only LPDDR5 has an ACT2
        check_against_brute_force(name, ranks, changes(rng, row_cap, scheduler), act2_latest, requests, 0)

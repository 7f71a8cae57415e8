"""Each command comes when JEDEC allows, and no later: random streams against checker and brute force.

The checker reads the log of commands; it knows `jedec` and no model. The brute force is the controller of
docs/dram.md, one clock after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.dram.config import Scheduler
from tandemsim.sim.arch.dram.standards import DRAMS
from tests.memory.compare import check_against_brute_force
from tests.memory.jedec import STANDARDS, device
from tests.memory.replay import REFI, Requests, as_requests, random_requests, replay


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, int, dict[str, Any], int, Requests]:
    """Standard, ranks, changes to the config, tAAD, and requests to few banks and rows."""
    name = draw(st.sampled_from(list(STANDARDS)))
    ranks = 1 if name == "hbm2" else draw(st.sampled_from([1, 1, 2]))
    changes = {
        "scheduler": draw(st.sampled_from(list(Scheduler))),
        "row_cap": draw(st.sampled_from([0, 0, 1, 2, 4])),
        "read_queue": draw(st.sampled_from([1, 2, 8, 32])),
        "write_queue": draw(st.sampled_from([1, 2, 8, 32])),
        "refresh": draw(st.booleans()),
    }
    act2_latest = draw(st.sampled_from([1, 2, 8]))  # only LPDDR5 has an ACT2
    banks = draw(st.lists(st.integers(0, device(name, ranks).bank_count - 1), min_size=1, max_size=6))
    request = st.tuples(
        st.sampled_from([0, 0, 0, 1, 5, 40, 300]),
        st.integers(0, 1),
        st.sampled_from(banks),
        st.integers(0, 2),
        st.integers(0, 3),
    )
    rows = draw(st.lists(request, min_size=1, max_size=60))
    due = np.cumsum([row[0] for row in rows]).tolist()
    requests = as_requests([(at, *row[1:]) for at, row in zip(due, rows, strict=True)])
    return name, ranks, changes, act2_latest, requests


@settings(max_examples=60)
@given(cases())
def test_each_command_is_legal_and_the_one_that_brute_force_finds(case: Any) -> None:
    check_against_brute_force(*case, until=2 * REFI + 400)


@pytest.mark.parametrize("name", STANDARDS)
@pytest.mark.parametrize("row_cap", [0, 3])
@pytest.mark.parametrize("writes", [0.1, 0.6])
def test_full_queues_are_served_as_brute_force_finds(name: str, row_cap: int, writes: float) -> None:
    changes = {"row_cap": row_cap, "read_queue": 32, "write_queue": 32, "refresh": True}
    changes |= {"scheduler": Scheduler.FRFCFS}
    requests = random_requests(device(name).bank_count, 250, seed=11, writes=writes)
    check_against_brute_force(name, 1, changes, 8, requests, 0)


def test_a_request_that_waits_in_the_write_queue_absorbs_its_equals() -> None:
    """Writes wait while reads are there; a read of the same burst is answered in the next clock."""
    rows = [(0, 0, 0, 0, 0), (0, 1, 4, 0, 0), (0, 0, 4, 0, 0), (0, 1, 4, 0, 0)]
    outcome = replay(replace(DRAMS["ddr4-2400"], refresh=False), as_requests(rows))
    assert (outcome.channel.forwarded, outcome.channel.merged) == (1, 1)
    assert (outcome.done - outcome.accepted).tolist()[2:] == [1, 1]
    assert outcome.channel.accesses.tolist() == [1, 1]


def test_first_come_first_served_never_reorders_columns() -> None:
    rows = [(0, 0, 0, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 1), (0, 1, 4, 0, 0)]
    config = replace(DRAMS["ddr4-2400"], refresh=False, scheduler=Scheduler.FCFS)
    assert np.argsort(replay(config, as_requests(rows)).done).tolist() == [0, 1, 2, 3]
    config = replace(config, scheduler=Scheduler.FRFCFS)
    assert np.argsort(replay(config, as_requests(rows)).done).tolist() == [0, 2, 1, 3]


def test_only_frfcfs_rowhit_spares_a_row_for_an_older_hit() -> None:
    """Bank 0 has row 0 open; a read of row 0 waits for tWTR behind a write, and a younger one wants row 1."""
    rows = [(0, 0, 0, 0, 0), (0, 0, 4, 0, 0), (99, 1, 4, 0, 0), (100, 0, 0, 0, 1), (100, 0, 0, 1, 0)]
    found = {}
    for scheduler in (Scheduler.FRFCFS, Scheduler.FRFCFS_ROWHIT):
        config = replace(DRAMS["ddr4-2400"], refresh=False, scheduler=scheduler)
        log = replay(config, as_requests(rows), logging=True).log
        found[scheduler] = [
            f"{line.clock} {line.command}" for line in log if line.where == 0 and line.clock > 99
        ]
    # WR 100; tWTR_S lets a read follow at 119; nothing but that forbids the precharge at 102
    assert found[Scheduler.FRFCFS][0] == "102 PRE"
    assert found[Scheduler.FRFCFS_ROWHIT][:2] == ["119 RD", "128 PRE"]

"""The oracle: requests that Ramulator 2.1 was given, into our model, and every number that it counted.

`data/ramulator_results.csv` has 56 runs on DDR4-2400: four streams, two arrival modes, seven variants.
Nothing has a tolerance. In two things we differ by choice: a refresh of 8 Gb takes JEDEC's 350 ns, so the
runs here set Ramulator's 360; and a row that a refresh has closed is not precharged once more.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.dram.standards import DRAMS
from tests.memory.deviations import lines
from tests.memory.jedec import DATA
from tests.memory.oracle import (
    DUE,
    NEEDLESS,
    ORACLE,
    PRESET,
    RUNS,
    STREAMS,
    VARIANTS,
    addresses,
    measured,
    serve,
    theirs,
)
from tests.memory.replay import replay, requests_at

RFC_CLOCKS = 12  # by which our refresh is shorter: 433 - 421


@pytest.mark.parametrize("burst", [64, 32])
@pytest.mark.parametrize("stream", STREAMS["64"]["streams"])
def test_addresses_are_those_that_ramulator_was_given(stream: str, burst: int) -> None:
    stated = STREAMS[str(burst)]["streams"][stream]
    found = addresses(stream, burst)
    assert found[:8].tolist() == stated["first_8"]
    assert hashlib.sha256(found.astype("<u8").tobytes()).hexdigest() == stated["sha256_addr_le_uint64"]


def test_all_runs_are_here() -> None:
    assert len(RUNS) == 56
    assert {variant for variant, _, _ in RUNS} == set(VARIANTS)
    assert {mode for _, _, mode in RUNS} == set(DUE)
    assert NEEDLESS.keys() <= RUNS.keys()


@pytest.mark.parametrize("run", RUNS, ids="-".join)
def test_every_count_and_latency_is_that_of_ramulator(run: tuple[str, str, str]) -> None:
    variant, stream, mode = run
    config = VARIANTS[variant]
    ours = measured(serve(config, stream, mode), config, mode)
    assert ours == {name: pytest.approx(value, rel=1e-9) for name, value in theirs(run).items()}


@pytest.mark.parametrize("run", [run for run in RUNS if run[0] == "base"], ids="-".join)
def test_the_preset_is_faster_by_no_more_than_its_shorter_refreshes(run: tuple[str, str, str]) -> None:
    _, stream, mode = run
    ours, other = measured(serve(PRESET, stream, mode), PRESET, mode), theirs(run)
    assert 0 <= other["cycles"] - ours["cycles"] <= RFC_CLOCKS * other["refreshes"]
    assert ours["cycles"] == pytest.approx(other["cycles"], rel=0.0015)


def test_the_page_has_the_cycles_that_we_measure() -> None:
    page = (DATA.parents[2] / "docs" / "dram.md").read_text(encoding="utf-8")
    rows = list(lines())
    assert len(rows) == 8
    assert [row for row in rows if row not in page] == []


# Closed forms. Request 0 is accepted at clock 0 and its first command issues at clock 1.


@pytest.mark.parametrize(
    ("name", "clocks"),
    [("ddr4-2400", 1_099_982), ("ddr4-3200", 1_479_975), ("hbm2", 959_984), ("lpddr5-6400", 979_987)],
)
def test_row_conflicts_follow_each_other_by_trc(name: str, clocks: int) -> None:
    """1 + 19,999 tRC + tRCD + CL + BL; LPDDR5 has one more clock, to start WCK ahead of the last read."""
    config = replace(DRAMS[name], refresh=False, mapping="robaracoch")
    conflicts = addresses("rowconflict_read", config.burst_bytes)
    assert replay(config, requests_at(config, conflicts, 0)).done.max() == clocks


LATENCIES = [
    # name, hit (1 + CL + BL), closed bank (1 + tRCD + CL + BL)
    ("ddr4-2400", 1 + 16 + 4, 1 + 16 + 16 + 4),
    ("ddr4-3200", 1 + 22 + 4, 1 + 22 + 22 + 4),
    ("hbm2", 1 + 14 + 2, 1 + (14 + 1) + 14 + 2),  # ACT takes two clocks
    ("lpddr5-6400", 1 + 1 + 17 + 2, 1 + 15 + 1 + 17 + 2),  # one clock to start WCK
]


@pytest.mark.parametrize(("name", "hit", "closed"), LATENCIES)
def test_one_read_takes_the_sum_of_its_latencies(name: str, hit: int, closed: int) -> None:
    config = DRAMS[name]
    outcome = replay(config, requests_at(config, [0, 0], 0, [0, 1000]))
    assert (outcome.done - outcome.accepted).tolist() == [closed, hit]


@pytest.mark.parametrize(("name", "hit", "closed"), LATENCIES)
def test_more_command_latency_delays_each_read_by_as_much(name: str, hit: int, closed: int) -> None:
    config = replace(DRAMS[name], command_latency=8)
    outcome = replay(config, requests_at(config, [0, 0], 0, [0, 1000]))
    assert (outcome.done - outcome.accepted).tolist() == [closed + 7, hit + 7]


def test_a_stream_of_row_hits_is_spaced_by_tccd() -> None:
    """RoBaRaCoCh keeps to one bank for a row of 128 bursts: reads are tCCD_L apart."""
    config = replace(ORACLE, refresh=False)
    outcome = replay(config, requests_at(config, np.arange(100) * 64, 0))
    assert outcome.done.tolist() == [37 + 6 * i for i in range(100)]


def test_bank_groups_in_turn_are_spaced_by_the_burst() -> None:
    """With the groups in the lowest bits, reads are tCCD_S apart once the rows are open."""
    config = replace(ORACLE, refresh=False, mapping="row-column-bank-rank-group-channel")
    outcome = replay(config, requests_at(config, np.arange(64) * 64, 0))
    gaps = np.diff(np.sort(outcome.done))
    assert gaps[-32:].tolist() == [4] * 32

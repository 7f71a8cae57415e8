"""Long pauses: refreshes that are counted leave the same state, and the same clocks after them, as stepping.

A channel that steps is given its limits one by one, so close together that no interval can be passed over.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import Delay, DramStandard
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.channel import QUEUED, accept, step
from tandemsim.sim.memory.dram.state import CHANNEL, FAR, NONE, new_dram
from tests.memory.jedec import STANDARDS

SLOW = [
    {},
    {"trp": Delay(300), "trp_ab": Delay(300), "trc": Delay(400)},
    {"trfc": Delay(900), "twr": Delay(200)},
    {"tccd_s": Delay(2500), "tccd_l": Delay(2500)},  # refreshes are late by intervals
]
# Of the ring only what is in it counts; a plan holds until the next command and is made anew.
NOT_STATE = {"urgent", "plan_at", "plan", "plan_slot", "plan_row_at", "plan_row"}


@jit
def _run_to(timing, channel, until, stride):
    """Run to clock `until` in steps of `stride` clocks; return how often `step` was called."""
    calls = 0
    while channel.clock < until:
        step(timing, channel, min(until, channel.clock + stride))
        calls += 1
    return calls


def state_of(channel: Any) -> dict[str, Any]:
    found = {name: np.array(channel[name]).tolist() for name in CHANNEL.names or () if name not in NOT_STATE}
    head, count, ring = channel.urgent_head, channel.urgent_count, channel.urgent
    return found | {"urgent": [int(ring[(head + i) % ring.size]) for i in range(count)]}


@st.composite
def configs(draw: st.DrawFn) -> DramConfig:
    name = draw(st.sampled_from(list(STANDARDS)))
    config = replace(
        DRAMS[name],
        ranks=1 if name == "hbm2" else draw(st.sampled_from([1, 2, 4])),
        row_cap=draw(st.sampled_from([0, 0, 1, 2])),
        scheduler=draw(st.sampled_from(list(Scheduler))),
    )
    standard = replace(config.standard, **draw(st.sampled_from(SLOW)))
    closest = closest_refresh(standard, config.ranks)
    interval = Delay(draw(st.sampled_from([closest, closest + 100, 10_000])))
    return replace(config, standard=replace(standard, trefi=interval))


@functools.cache
def closest_refresh(standard: DramStandard, ranks: int) -> int:
    """The shortest interval that is not refused, in clocks."""
    for clocks in itertools.count(standard.clocks("trfc")):
        with contextlib.suppress(ConfigError):
            return DramConfig(
                standard=replace(standard, trefi=Delay(clocks)), ranks=ranks
            ).timing.spacing.refi
    raise AssertionError


# A pause ends some clocks before or after a refresh, or in the middle of an interval.
PAUSES = st.tuples(
    st.integers(0, 9), st.integers(-9, 9) | st.integers(0, 400), st.sampled_from([0, 0, 1, 4, 12])
)


@settings(max_examples=120)
@given(configs(), st.lists(PAUSES, max_size=5), st.integers(0, 2**32))
def test_a_pause_leaves_what_stepping_through_it_leaves(
    config: DramConfig, pauses: list[tuple[int, int, int]], seed: int
) -> None:
    interval = config.timing.spacing.refi
    drams = [new_dram(config), new_dram(config)]
    rng = np.random.default_rng(seed)
    for intervals, offset, count in pauses:
        requests = rng.integers(0, [2, config.timing.banks, 3, 8], (count, 4))
        states = []
        for dram, stride in zip(drams, (FAR, interval // 2), strict=True):
            timing, channel = dram.timing[0], dram.channel[0]
            _run_to(timing, channel, (channel.clock // interval + intervals) * interval + offset, stride)
            for kind, bank, row, column in requests.tolist():
                accept(timing, channel, bank, row, kind, (row * 64 + bank) * 64 + column, 0)
                _run_to(timing, channel, channel.clock + 1, 1)
            states.append(state_of(channel))
        assert states[0] == states[1]


@pytest.mark.parametrize(("name", "ranks"), [("ddr4-2400", 4), ("hbm2", 1)])
@pytest.mark.parametrize("offset", [-1, 0, 1, 2, 3])
def test_a_pause_may_end_between_the_refreshes_of_two_ranks(name: str, ranks: int, offset: int) -> None:
    config = replace(DRAMS[name], ranks=ranks)
    interval = config.timing.spacing.refi
    states = []
    for stride in (FAR, interval // 2):
        dram = new_dram(config)
        _run_to(dram.timing[0], dram.channel[0], 8 * interval + offset, stride)
        states.append(state_of(dram.channel[0]))
    assert states[0] == states[1]


@pytest.mark.parametrize("name", STANDARDS)
@pytest.mark.parametrize("clocks", [2**40, 2**50 + 12_345])
def test_a_pause_of_hours_counts_every_refresh_and_the_next_access_is_as_ever(name: str, clocks: int) -> None:
    """A pause of 2**50 clocks has 10**11 intervals: who simulates each of them does not come back."""
    config = DRAMS[name]
    dram = new_dram(config)
    timing, channel = dram.timing[0], dram.channel[0]
    interval = config.timing.spacing.refi
    assert _run_to(timing, channel, clocks, FAR) == 1
    assert channel.clock == clocks
    due = clocks // interval
    late = config.timing.ranks if clocks % interval < config.timing.ranks else 0
    assert due * config.timing.ranks - late <= channel.refreshes <= due * config.timing.ranks
    after = (due + 1) * interval + 2000  # behind the refresh that comes next
    _run_to(timing, channel, after, FAR)
    assert accept(timing, channel, 0, 1, 0, 64, 7) == QUEUED
    while (owner := step(timing, channel, FAR)) < 0:
        assert owner != NONE or channel.clock < after + 100
    assert owner == 7
    assert channel.done - after == 1 + timing.act_rd + (1 if timing.wck_sync else 0) + timing.read_latency


def test_a_log_has_every_refresh() -> None:
    dram = new_dram(DRAMS["ddr4-2400"], logging=True)
    _run_to(dram.timing[0], dram.channel[0], 1_000_000, FAR)
    assert dram.channel[0].commands == 1_000_000 // 9364

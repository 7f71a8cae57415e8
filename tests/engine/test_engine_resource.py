"""Resources against a deque, and their levels over time against a count of every cycle."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.engine.event import NOBODY
from tandemsim.sim.engine.resource import (
    LineFullError,
    NotHeldError,
    acquire,
    free_slots,
    new_resources,
    release,
    settle_resources,
)
from tandemsim.sim.engine.stats import Level, named

SLOTS = (1, 3)
PLACES = 3

# (cycles since the last call, which, acquire or release)
calls = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, len(SLOTS) - 1), st.booleans()), min_size=1, max_size=60
)


class Model:
    """One resource, naively; `history` holds (in use, in line) for each cycle that has passed."""

    def __init__(self, slots: int) -> None:
        self.slots, self.used, self.line, self.history = slots, 0, deque[int](), [(0, 0)][:0]
        self.peaks = (0, 0)

    def pass_cycles(self, cycles: int) -> None:
        self.history += [(self.used, len(self.line))] * cycles

    def acquire(self, who: int) -> bool:
        granted = self.used < self.slots
        if granted:
            self.used += 1
        else:
            self.line.append(who)
        self.peaks = max(self.peaks[0], self.used), max(self.peaks[1], len(self.line))
        return granted

    def release(self) -> int:
        if self.line:
            return self.line.popleft()
        self.used -= 1
        return NOBODY


@given(calls)
def test_who_came_first_is_served_first_and_every_cycle_is_counted(script: list) -> None:
    resources, models, cycle = new_resources(SLOTS, PLACES), [Model(slots) for slots in SLOTS], 0
    for who, (cycles, which, acquires) in enumerate(script):
        cycle += cycles
        for model in models:
            model.pass_cycles(cycles)
        model = models[which]
        if acquires and len(model.line) < PLACES:
            assert acquire(resources, which, who, cycle) == model.acquire(who)
        elif not acquires and model.used:
            assert release(resources, which, cycle) == model.release()
        assert free_slots(resources, which) == model.slots - model.used
    settle_resources(resources, cycle)
    for which, model in enumerate(models):
        for levels, (place, now) in zip(
            (resources.in_use, resources.in_line), enumerate((model.used, len(model.line))), strict=True
        ):
            past = [at_cycle[place] for at_cycle in model.history]
            assert named(Level, levels[which]) == {
                "now": now,
                "changed": cycle,
                "level_cycles": sum(past),
                "busy_cycles": sum(level > 0 for level in past),
                "peak": model.peaks[place],
            }


def test_a_slot_that_is_handed_over_was_never_free() -> None:
    resources = new_resources([1], places=1)
    assert acquire(resources, 0, 7, 0)
    assert not acquire(resources, 0, 8, 1)
    assert release(resources, 0, 5) == 8
    assert free_slots(resources, 0) == 0
    assert release(resources, 0, 9) == NOBODY
    assert free_slots(resources, 0) == 1


def test_a_line_that_goes_round_keeps_its_order() -> None:
    resources = new_resources([1, 1], places=3)
    acquire(resources, 0, 0, 0)
    in_line = deque([1, 2])
    for who in in_line:
        acquire(resources, 0, who, 0)
    for who in range(3, 20):
        acquire(resources, 0, who, who)
        in_line.append(who)
        assert release(resources, 0, who) == in_line.popleft()
    assert [release(resources, 0, 20) for _ in range(3)] == [*in_line, NOBODY]


def test_resources_do_not_share_lines() -> None:
    resources = new_resources([1, 1], places=2)
    for which in (0, 1):
        acquire(resources, which, 10 + which, 0)
        acquire(resources, which, 20 + which, 0)
    assert [release(resources, which, 1) for which in (1, 0)] == [21, 20]


def test_a_line_takes_its_places_and_not_one_more() -> None:
    resources = new_resources([1], places=2)
    assert [acquire(resources, 0, who, 0) for who in range(3)] == [True, False, False]
    with pytest.raises(LineFullError, match="a waiting line is full"):
        acquire(resources, 0, 3, 0)


def test_what_nobody_holds_cannot_be_released() -> None:
    resources = new_resources([2, 1], places=1)
    acquire(resources, 0, 0, 0)
    with pytest.raises(NotHeldError, match="that nobody holds"):
        release(resources, 1, 0)


def test_all_arrays_are_int64() -> None:
    assert {array.dtype for array in new_resources([1], places=1)} == {np.dtype(np.int64)}


@pytest.mark.parametrize(
    "slots, places, message",
    [
        ([1, 0], 1, r"a resource must have a positive number of slots, not \[1, 0\]"),
        ([], 1, r"a resource must have a positive number of slots, not \[\]"),
        ([1], 0, "a waiting line must have a positive number of places, not 0"),
    ],
)
def test_resources_without_slots_or_places_are_refused(slots: list[int], places: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        new_resources(slots, places)

"""Scratchpad plans, against a simulation of the slots that believes nothing the plan says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.sram import Buffering
from tandemsim.sim.memory.scratchpad import EMPTY, bank_groups, plan_residency, service_cycles

steps = st.lists(st.sets(st.integers(0, 12), max_size=4), min_size=1, max_size=30)


def as_arrays(needs: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, needs)])
    return offsets.astype(np.int64), np.array([g for need in needs for g in sorted(need)], np.int64)


def check_plan(needs: list[set[int]], slots: int, buffering: Buffering, groups: int = 1) -> int:
    """Replay the loads step by step; return how many there are."""
    plan = plan_residency(*as_arrays(needs), slots, buffering, groups)
    loads = list(zip(*(column.tolist() for column in plan[:4]), strict=True))
    assert [load[2] for load in loads] == sorted(load[2] for load in loads)
    held: dict[int, int] = {}
    used: dict[int, int] = {}  # slot -> last step that used it
    for step, need in enumerate(needs):
        for granule, slot, _, after in (load for load in loads if load[2] == step):
            assert 0 <= slot < slots
            assert after == used.get(slot, EMPTY) < step, "the slot was in use, or free before the plan says"
            held[slot] = granule
            used[slot] = step
        assert need <= set(held.values())
        for slot, granule in held.items():
            if granule in need and (buffering is Buffering.CIRCULAR or slot * 2 // slots == step % 2):
                used[slot] = step
    return len(loads)


@given(steps, st.integers(4, 9), st.integers(1, 4))
def test_circular_slots_hold_what_each_step_needs(needs: list[set[int]], slots: int, groups: int) -> None:
    loads = check_plan(needs, slots, Buffering.CIRCULAR, groups)
    assert len(set().union(*needs)) <= loads <= sum(map(len, needs))


@given(steps)
def test_with_room_for_all_each_granule_is_loaded_once(needs: list[set[int]]) -> None:
    assert check_plan(needs, 13, Buffering.CIRCULAR) == len(set().union(*needs))


@given(st.integers(4, 30), st.integers(1, 3))
def test_a_sliding_window_is_loaded_once_when_it_fits(length: int, reach: int) -> None:
    needs = [set(range(start, start + reach + 1)) for start in range(length)]
    assert check_plan(needs, reach + 1, Buffering.CIRCULAR) == length + reach


@given(st.integers(2, 40), st.integers(1, 3), st.integers(1, 4), st.integers(0, 3))
def test_a_stream_lies_in_one_group_of_banks_after_the_other(
    length: int, reach: int, groups: int, spare: int
) -> None:
    """Whatever else is loaded between: here every third step loads a granule that nobody needs again."""
    needs = [set(range(start, start + reach + 1)) for start in range(length)]
    for step in range(0, length, 3):
        needs[step].add(1000 + 7 * step)
    plan = plan_residency(*as_arrays(needs), groups * (reach + 2 + spare), groups=groups)
    stream = plan.granule < 1000
    assert (plan.slot[stream] % groups == plan.granule[stream] % groups).all()


def test_banks_form_a_group_for_each_whole_granule_that_they_hold() -> None:
    assert [bank_groups(banks, 32, 100) for banks in (1, 31, 32, 63, 64, 96)] == [1, 1, 1, 1, 2, 3]
    assert bank_groups(1024, 4, 3) == 3, "a group without a slot would hold nothing"


@given(st.lists(st.sets(st.integers(0, 12), min_size=2, max_size=2), min_size=1, max_size=20))
def test_double_buffers_are_free_two_steps_later(needs: list[set[int]]) -> None:
    plan = plan_residency(*as_arrays(needs), 4, Buffering.DOUBLE)
    assert plan.granule.tolist() == [g for need in needs for g in sorted(need)]
    assert all(a == max(f - 2, EMPTY) for a, f in zip(plan.after, plan.first_use, strict=True))
    assert all(s // 2 == f % 2 for s, f in zip(plan.slot, plan.first_use, strict=True))


@pytest.mark.parametrize(("buffering", "room"), [(Buffering.CIRCULAR, 2), (Buffering.DOUBLE, 1)])
def test_a_step_that_needs_more_than_there_is_room_for_is_refused(buffering: Buffering, room: int) -> None:
    rule = rf"^a scratchpad must have room for the 3 granules that one step needs, not {room}$"
    with pytest.raises(ConfigError, match=rule):
        plan_residency(*as_arrays([{1, 2, 3}]), 2, buffering)


@given(st.lists(st.integers(0, 63), max_size=40), st.integers(1, 3))
def test_a_bank_serves_as_many_words_a_cycle_as_it_has_ports(words: list[int], ports: int) -> None:
    in_bank = np.bincount([word % 8 for word in words], minlength=8)
    left, cycles = in_bank.copy(), 0
    while left.any():
        left = np.maximum(left - ports, 0)
        cycles += 1
    assert service_cycles(in_bank, ports) == max(cycles, 1)

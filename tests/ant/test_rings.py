"""`sim.ant.rings`: what is loaded ahead always has its place, and nothing that a task needs is thrown out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.ant.rings import NONE, Outgoing, Ring
from tandemsim.sim.arch.checks import ConfigError

SIZES = (1, 2, 3, 4, 5, 1, 2, 3)  # of each key
TASKS = st.lists(st.lists(st.integers(0, 7), max_size=3), max_size=30)


@given(TASKS, st.integers(5, 20))
def test_a_load_has_its_place_once_the_named_task_has_ended(tasks: list[list[int]], held: int) -> None:
    """Brute force: live is what a task after the named one still uses."""
    ring = Ring("some_scratchpad", held, held)
    loads: list[list[int]] = []  # key, task that uses it last
    current: dict[int, int] = {}  # key -> place in `loads`
    for task, needs in enumerate(tasks):
        for key in needs:
            try:
                after = ring.need(key, SIZES[key], task)
            except ConfigError:
                assert sum(SIZES[other] for other in set(needs)) > held
                return
            if after is None:
                loads[current[key]][1] = task
                continue
            assert after < task
            live = sum(SIZES[other] for other, last in loads if last > after)
            assert live + SIZES[key] <= held
            current[key] = len(loads)
            loads.append([key, task])


def test_what_is_kept_is_not_thrown_out() -> None:
    ring = Ring("some_scratchpad", 10, 10)
    assert ring.need("a", 4, 0) == NONE and ring.need("b", 4, 1) == NONE
    ring.keep("a", 5)
    assert ring.need("c", 4, 3) == 1  # in the place of b
    assert ring.need("a", 4, 5) is None and ring.need("b", 4, 6) == 5  # in the place of a, which is older


@given(TASKS, st.integers(5, 20), st.integers(1, 5), st.integers(0, 10), st.integers(0, 20))
def test_what_is_reserved_is_nobody_elses_until_it_is_released(
    tasks: list[list[int]], held: int, size: int, first: int, count: int
) -> None:
    """Brute force: as above, with `size` bytes reserved from task `first` to `count` tasks later."""
    ring, last = Ring("some_scratchpad", held, held), first + count
    loads: list[list[int]] = []
    current: dict[int, int] = {}
    for task, needs in enumerate(tasks):
        if task == first:
            try:
                after = ring.reserve("whole", size, task)
            except ConfigError:
                assert size > held
                return
            assert after < task
            assert sum(SIZES[other] for other, used in loads if used > after) + size <= held
        for key in needs:
            try:
                after = ring.need(key, SIZES[key], task)  # type: ignore[assignment]
            except ConfigError:
                assert sum(SIZES[other] for other in set(needs)) + size > held
                return
            if after is None:
                loads[current[key]][1] = task
                continue
            live = sum(SIZES[other] for other, used in loads if used > after)
            reserved = size if first <= task and after < last else 0
            assert live + reserved + SIZES[key] <= held
            current[key] = len(loads)
            loads.append([key, task])
        if task == last:
            ring.release("whole", task)


@given(TASKS, st.integers(1, 20))
def test_loads_run_so_many_bytes_ahead_or_are_of_one_task(tasks: list[list[int]], ahead: int) -> None:
    ring = Ring("some_scratchpad", 100, ahead)
    loads: list[tuple[int, int]] = []
    for task, needs in enumerate(tasks):
        for key in needs:
            after = ring.need(key, SIZES[key], task)
            if after is None:
                continue
            loads.append((task, SIZES[key]))
            assert after < task
            waiting = [(other, size) for other, size in loads if other > after]
            assert sum(size for _, size in waiting) <= ahead or {other for other, _ in waiting} == {task}
            before = [(other, size) for other, size in loads if other >= after]
            assert after == NONE or sum(size for _, size in before) > ahead  # and not fewer


def test_a_ring_that_is_too_small_names_its_field() -> None:
    with pytest.raises(
        ConfigError, match="^some_scratchpad.capacity_bytes must hold what a task with these tiles needs, "
    ):
        Ring("some_scratchpad", 10, 10).need("a", 11, 0)


def test_results_wait_for_the_oldest_writes() -> None:
    outgoing = Outgoing("some_scratchpad", 10)
    assert outgoing.room(6) == []
    outgoing.add(6, 100)
    assert outgoing.room(4) == []
    outgoing.add(4, 101)
    assert outgoing.room(7) == [100, 101]
    with pytest.raises(ConfigError, match="must hold what results of a task need, 11 bytes, not 10"):
        outgoing.room(11)

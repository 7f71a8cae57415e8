"""A run that can make no progress says who waits for what, since when."""

from enum import IntEnum

import pytest

from tandemsim.sim.engine.deadlock import DeadlockError, LoopEnd, Wait, check_progress, waits
from tandemsim.sim.engine.resource import acquire, new_resources, release
from tests.engine.machines import Op, run_programs


class Port(IntEnum):
    KEY_PORT = 0
    VALUE_PORT = 1


def test_two_who_acquire_in_opposite_orders_deadlock() -> None:
    def program(first: int, second: int, rest: int) -> list[tuple[int, int]]:
        return [(Op.ACQUIRE, first), (Op.REST, rest), (Op.ACQUIRE, second)]

    run = run_programs([program(0, 1, rest=7), program(1, 0, rest=4)], slots=[1, 1])
    assert run.outcome == LoopEnd.DEADLOCKED
    with pytest.raises(DeadlockError) as caught:
        check_progress(run.outcome, run.cycle, waits(run.resources, lambda who: f"tile {who}", Port))
    assert str(caught.value) == (
        "no progress after cycle 7: tile 1 waits for key port since cycle 4; "
        "tile 0 waits for value port since cycle 7"
    )
    assert caught.value.cycle == 7
    assert caught.value.waits == (Wait("tile 1", "key port", 4), Wait("tile 0", "value port", 7))


def test_a_line_that_goes_round_is_told_in_its_order() -> None:
    resources = new_resources([1], places=3)
    for who in range(4):
        acquire(resources, 0, who, who)
    for who in range(4, 6):
        release(resources, 0, who)
        acquire(resources, 0, who, who)
    assert waits(resources, str, ["the slot"]) == [Wait(str(who), "the slot", who) for who in (3, 4, 5)]


def test_a_run_that_finished_is_no_deadlock_though_one_may_still_hold_a_slot() -> None:
    run = run_programs([[(Op.ACQUIRE, 0)], [(Op.REST, 3)]], slots=[1])
    assert run.outcome == LoopEnd.FINISHED
    check_progress(run.outcome, run.cycle, waits(run.resources, str, ["the slot"]))


def test_work_that_is_left_though_nobody_waits_is_told_as_such() -> None:
    with pytest.raises(DeadlockError, match="no progress after cycle 3: work is left, but nobody waits"):
        check_progress(LoopEnd.DEADLOCKED, 3, [])


def test_a_long_list_is_cut_in_the_message_and_whole_in_the_error() -> None:
    many = [Wait(f"tile {number}", "a bank", number) for number in range(25)]
    with pytest.raises(
        DeadlockError, match=r"tile 19 waits for a bank since cycle 19; and 5 more$"
    ) as caught:
        check_progress(LoopEnd.DEADLOCKED, 30, reversed(many))
    assert list(caught.value.waits) == many

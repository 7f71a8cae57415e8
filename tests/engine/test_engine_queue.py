"""The event queue against sorted lists."""

import bisect
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.engine.event import NEVER, Event
from tandemsim.sim.engine.queue import PastEventError, QueueFullError, new_queue, peek, pending, pop, push

# Few values, so that ties in cycle and in priority are common.
keys = st.tuples(st.integers(0, 4), st.integers(-2, 2))


def test_events_leave_by_cycle_then_priority_then_sequence() -> None:
    queue = new_queue(6)
    for who, (cycle, priority) in enumerate([(7, 0), (3, 1), (3, 0), (7, -1), (3, 1), (0, 9)]):
        push(queue, cycle, 0, who, priority)
    assert [pop(queue).who for _ in range(6)] == [5, 2, 1, 4, 3, 0]


@given(st.lists(keys, min_size=1, max_size=80))
def test_what_is_pushed_is_popped_in_sorted_order(pushed: list[tuple[int, int]]) -> None:
    queue = new_queue(len(pushed))
    for who, (cycle, priority) in enumerate(pushed):
        push(queue, cycle, who % 3, who, priority)
    expected = sorted((cycle, priority, who, who % 3, who) for who, (cycle, priority) in enumerate(pushed))
    assert [tuple(pop(queue)) for _ in pushed] == expected


@given(st.lists(st.one_of(keys, st.none(), st.just("peek")), max_size=120))
def test_pushes_and_pops_in_any_order_agree_with_a_sorted_list(script: list) -> None:
    queue, model, sequence, now = new_queue(120), [], count(), 0
    for word in script:
        if word == "peek":
            assert tuple(peek(queue)) == (model[0] if model else (NEVER, 0, 0, -1, -1))
        elif word is not None:
            cycle, priority = word
            number = next(sequence)
            push(queue, now + cycle, 5, -number, priority)
            bisect.insort(model, (now + cycle, priority, number, 5, -number))
        elif model:
            assert tuple(pop(queue)) == model[0]
            now = model.pop(0)[0]
        assert pending(queue) == len(model)


def test_all_words_of_an_event_are_int64_and_survive_at_their_limits() -> None:
    queue = new_queue(2)
    assert queue.heap.dtype == queue.state.dtype == np.int64
    push(queue, NEVER - 1, -(2**63), 2**63 - 1, -32768)
    push(queue, NEVER - 1, 1, 2, 32767)
    assert pop(queue) == Event(NEVER - 1, -32768, 0, -(2**63), 2**63 - 1)
    assert pop(queue) == Event(NEVER - 1, 32767, 1, 1, 2)


def test_adjacent_cycles_beyond_the_precision_of_a_float_keep_their_order() -> None:
    queue = new_queue(2)
    push(queue, 2**53 + 1, 0, 1)
    push(queue, 2**53, 0, 0)
    assert [pop(queue).cycle, pop(queue).cycle] == [2**53, 2**53 + 1]


def test_a_queue_takes_its_capacity_and_not_one_event_more() -> None:
    queue = new_queue(2)
    push(queue, 5, 0, 0)
    push(queue, 5, 0, 1)
    with pytest.raises(QueueFullError, match="the event queue is full"):
        push(queue, 6, 0, 2)
    pop(queue)
    push(queue, 6, 0, 3)
    assert [pop(queue).who, pop(queue).who, pending(queue)] == [1, 3, 0]


def test_an_event_in_the_past_is_refused_and_one_in_the_present_is_not() -> None:
    queue = new_queue(3)
    push(queue, 5, 0, 0)
    pop(queue)
    push(queue, 5, 0, 1)
    with pytest.raises(PastEventError, match="must not be pushed before"):
        push(queue, 4, 0, 2)


def test_pop_from_an_empty_queue_is_refused() -> None:
    queue = new_queue(1)
    for _ in range(2):
        with pytest.raises(IndexError, match="pop from an empty event queue"):
            pop(queue)
        push(queue, 1, 0, 0)
        pop(queue)


@pytest.mark.parametrize("priority", [-32769, 32768])
def test_a_priority_beyond_16_bits_is_refused(priority: int) -> None:
    with pytest.raises(ValueError, match="from -32768 to 32767"):
        push(new_queue(1), 0, 0, 0, priority)


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="capacity of an event queue must be a positive integer, not 0"):
        new_queue(0)

"""Complete machines: timelines by hand, and what queueing theory says of a line of stations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.engine.deadlock import LoopEnd
from tandemsim.sim.engine.stats import Level
from tests.engine.machines import Counter, Kind, Op, run_line, run_programs


def test_three_jobs_pass_two_stations() -> None:
    run, left = run_line(arrivals=[0, 1, 2], service=[3, 4], slots=[1, 2], log_rows=100)
    arrived, served = Kind.JOB_ARRIVED, Kind.JOB_SERVED
    assert run.timeline == [  # cycle, kind, job, station
        (0, arrived, 0, 0),
        (1, arrived, 1, 0),
        (2, arrived, 2, 0),
        (3, served, 0, 0),
        (3, arrived, 0, 1),
        (6, served, 1, 0),
        (6, arrived, 1, 1),
        (7, served, 0, 1),
        (9, served, 2, 0),
        (9, arrived, 2, 1),
        (10, served, 1, 1),
        (13, served, 2, 1),
    ]
    assert (run.cycle, run.outcome, left.tolist()) == (13, LoopEnd.FINISHED, [7, 10, 13])
    # the first station works 0 to 9; jobs wait 1 to 3 and 2 to 6. The second: 3 to 7, 6 to 10, 9 to 13
    assert run.resources.in_use[:, Level.LEVEL_CYCLES].tolist() == [9, 12]
    assert run.resources.in_use[:, Level.BUSY_CYCLES].tolist() == [9, 10]
    assert run.resources.in_use[:, Level.PEAK].tolist() == [1, 2]
    assert run.resources.in_line[:, Level.LEVEL_CYCLES].tolist() == [6, 0]


SPACE, ITEM = 0, 1


def test_a_producer_fills_a_buffer_of_two_and_a_consumer_empties_it() -> None:
    start = [(Op.ACQUIRE, ITEM), (Op.ACQUIRE, ITEM)]  # the buffer is empty
    producer = [(Op.REST, 1), *[(Op.ACQUIRE, SPACE), (Op.REST, 3), (Op.RELEASE, ITEM)] * 4]
    consumer = [(Op.REST, 1), *[(Op.ACQUIRE, ITEM), (Op.REST, 5), (Op.RELEASE, SPACE)] * 4]
    run = run_programs([start, producer, consumer], slots=[2, 2])
    assert [(cycle, "SPC"[who], step) for cycle, _, who, step in run.timeline] == [
        (0, "S", 0),
        (0, "P", 0),
        (0, "C", 0),
        (0, "S", 1),
        (0, "S", 2),
        (1, "P", 1),  # finds space
        (1, "C", 1),  # finds nothing: waits
        (1, "P", 2),
        (4, "P", 3),  # the first item is ready
        (4, "C", 2),  # the consumer has it
        (4, "P", 5),  # finds space
        (7, "P", 6),  # the second item is ready; no space: waits
        (9, "C", 3),  # the first space is free again
        (9, "P", 8),
        (9, "C", 5),  # has the second item
        (12, "P", 9),  # the third item is ready; no space: waits
        (14, "C", 6),
        (14, "P", 11),
        (14, "C", 8),
        (17, "P", 12),  # the fourth item is ready: done
        (19, "C", 9),
        (19, "C", 11),
        (24, "C", 12),  # done
    ]
    assert run.outcome == LoopEnd.FINISHED
    assert run.resources.in_line[:, Level.LEVEL_CYCLES].tolist() == [(9 - 7) + (14 - 12), 4 - 1]


jobs = st.lists(st.integers(0, 9), min_size=1, max_size=40)
stations = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), min_size=1, max_size=4)


@given(jobs, stations)
def test_jobs_leave_a_line_as_the_recursion_of_lindley_says(gaps: list[int], line: list[tuple]) -> None:
    arrivals = np.cumsum(gaps)
    service, slots = zip(*line, strict=True)
    left = arrivals.tolist()
    for cycles, servers in line:
        reached, left = left, []
        for job, cycle in enumerate(reached):
            left.append(max(cycle, left[job - servers] if job >= servers else 0) + cycles)
    run, found = run_line(arrivals, service, slots)
    assert found.tolist() == left
    assert run.counters[Counter.EVENTS] == 2 * len(gaps) * len(line)
    in_use = run.resources.in_use[:, Level.LEVEL_CYCLES]
    assert in_use.tolist() == [cycles * len(gaps) for cycles in service]


def test_jobs_that_arrive_at_random_wait_as_pollaczek_and_khinchine_say() -> None:
    cycles, load, count = 1000, 0.6, 100_000
    arrivals = np.cumsum(np.random.default_rng(7).exponential(cycles / load, count)).astype(np.int64)
    run, _ = run_line(arrivals, [cycles], [1])
    waited = run.resources.in_line[0, Level.LEVEL_CYCLES] / count
    # M/D/1: load * service / (2 * (1 - load)); the mean of 100,000 waits strays by about 1 %
    assert abs(waited / (load * cycles / (2 * (1 - load))) - 1) < 0.05


def test_memory_does_not_grow_with_the_cycles_of_a_run() -> None:
    sizes = set()
    for cycles in (10, 10**12):
        run, _ = run_line([0] * 50, [cycles], [1])
        sizes.add(sum(array.nbytes for array in run.resources) + run.counters.nbytes)
        assert run.cycle == 50 * cycles
    assert len(sizes) == 1


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=20))
def test_no_slot_is_held_by_two(rests: list[int]) -> None:
    program = [(Op.ACQUIRE, 0), (Op.REST, 4), (Op.RELEASE, 0)]
    run = run_programs([[(Op.REST, rest), *program] for rest in rests], slots=[1])
    starts = [cycle for cycle, _, _, step in run.timeline if step == 2]
    assert all(later - earlier >= 4 for earlier, later in zip(starts, starts[1:], strict=False))
    order = [who for _, _, who, step in run.timeline if step == 2]
    assert order == sorted(range(len(rests)), key=lambda who: (rests[who], who))

"""Random machines on our engine and on SimPy: the same events in the same order, the same end."""

import simpy
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.engine.deadlock import LoopEnd
from tandemsim.sim.engine.queue import new_queue, pop, push
from tests.engine.machines import Counter, Op, Run, run_programs

RESOURCES = 3
which = st.integers(0, RESOURCES - 1)
rest = st.tuples(st.just(Op.REST), st.integers(0, 4))


def visit(resource: int, cycles: int) -> list[tuple[int, int]]:
    """Acquire, hold, release."""
    return [(Op.ACQUIRE, resource), (Op.REST, cycles), (Op.RELEASE, resource)]


def nested(outer: int, inner: int, cycles: int) -> list[tuple[int, int]]:
    """Acquire two, hold, release: in opposite orders, this can end in a deadlock."""
    return [(Op.ACQUIRE, outer), (Op.REST, 1), *visit(inner, cycles), (Op.RELEASE, outer)]


visits = st.builds(visit, which, st.integers(0, 5))
nests = st.builds(nested, which, which, st.integers(0, 5))
parts = st.one_of(visits, nests, rest.map(lambda op: [op]))
programs = st.lists(st.lists(parts, max_size=6).map(lambda found: sum(found, [])), min_size=1, max_size=8)
slots = st.lists(st.integers(1, 2), min_size=RESOURCES, max_size=RESOURCES)


class Twin:
    """The programs of `machines.run_programs` as processes of SimPy."""

    def __init__(self, table: list[list[tuple[int, int]]], slots: list[int]) -> None:
        self.env = simpy.Environment()
        self.resources = [simpy.Resource(self.env, count) for count in slots]
        self.timeline: list[tuple[int, int, int]] = []
        self.done = 0
        self.since: dict[object, tuple[int, int]] = {}
        for who, program in enumerate(table):
            self.env.process(self.actor(who, program))
        self.env.run()

    def actor(self, who: int, program: list[tuple[int, int]]) -> simpy.events.ProcessGenerator:
        held: list[list] = [[] for _ in self.resources]
        self.timeline.append((self.env.now, who, 0))
        for step, (op, argument) in enumerate(program, start=1):
            if op == Op.RELEASE:
                self.resources[argument].release(held[argument].pop())
                self.resources[argument]._trigger_put(None)  # hand the slot over at once, not one event later
                continue
            if op == Op.REST:
                yield self.env.timeout(argument)
            else:
                request = self.resources[argument].request()
                self.since[request] = (who, self.env.now)
                held[argument].append(request)
                yield request
            self.timeline.append((self.env.now, who, step))
        self.done += 1

    def waiting(self) -> list[list[tuple[int, int]]]:
        """Return who waits, since when, for each resource in the order of its line."""
        return [[self.since[request] for request in resource.queue] for resource in self.resources]


def waiting(run: Run) -> list[list[tuple[int, int]]]:
    found = []
    for row in range(RESOURCES):
        line, head = run.resources.lines[row], run.resources.heads[row]
        count = run.resources.in_line[row, 0]
        found.append([tuple(line[(head + place) % len(line)].tolist()) for place in range(count)])
    return found


@given(programs, slots)
def test_actors_resume_in_the_order_of_simpy(table: list, slots: list[int]) -> None:
    run, twin = run_programs(table, slots), Twin(table, slots)
    assert [(cycle, who, step) for cycle, _, who, step in run.timeline] == twin.timeline
    assert run.counters[Counter.EVENTS] == len(twin.timeline)
    assert run.counters[Counter.DONE] == twin.done
    assert run.outcome == (LoopEnd.FINISHED if twin.done == len(table) else LoopEnd.DEADLOCKED)
    assert waiting(run) == twin.waiting()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=50))
def test_events_of_one_cycle_leave_in_the_order_of_simpy(planned: list[tuple[int, int]]) -> None:
    env, queue, order = simpy.Environment(), new_queue(len(planned)), []
    for who, (cycle, priority) in enumerate(planned):
        event = env.event()
        event._ok, event._value = True, None
        event.callbacks.append(lambda _, who=who: order.append((env.now, who)))
        env.schedule(event, priority, cycle)
        push(queue, cycle, 0, who, priority)
    env.run()
    assert [(event.cycle, event.who) for event in (pop(queue) for _ in planned)] == order

"""What the engine answers to a fixed set of questions, as JSON: ``python -m tests.engine.answers``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tandemsim.sim.engine.deadlock import DeadlockError, check_progress, waits
from tandemsim.sim.engine.queue import new_queue, peek, pop, push
from tandemsim.sim.engine.stats import named
from tests.engine.machines import Counter, Op, Run, line_loop, run_line, run_programs


def answers() -> dict[str, Any]:
    """Return the answers, in types that JSON knows; ``compiled`` is the only one that may differ."""
    random = np.random.default_rng(3)
    visits = [random_program(random) for _ in range(12)]
    line, left = run_line(np.cumsum(random.integers(0, 4, 60)), [3, 5, 2], [1, 2, 1], log_rows=100)
    knot = [[(Op.ACQUIRE, who % 2), (Op.REST, 3 + who), (Op.ACQUIRE, 1 - who % 2)] for who in range(4)]
    found = {
        "compiled": hasattr(line_loop, "signatures"),
        "queue": [popped(random, count) for count in (1, 2, 50)],
        "line": [told(line), left.tolist()],
        "programs": told(run_programs(visits, [2, 1, 1])),
        "knot": told(run_programs(knot, [1, 1])),
    }
    return json.loads(json.dumps(found, default=int))


def random_program(random: np.random.Generator) -> list[tuple[int, int]]:
    """Return visits to one resource after another, with rests between."""
    program = []
    for resource, held, rest in random.integers(0, 3, (10, 3)).tolist():
        program += [(Op.ACQUIRE, resource), (Op.REST, held), (Op.RELEASE, resource), (Op.REST, rest)]
    return program


def popped(random: np.random.Generator, count: int) -> list[tuple[int, ...]]:
    """Push and pop by turns, with all words of an event in use."""
    queue, events = new_queue(2 * count), []
    for cycle, kind, who, priority in random.integers(-9, 9, (count, 4)).tolist():
        push(queue, 100 + cycle, kind, who, priority)
        push(queue, 200 + cycle, kind, who * 2**40, -priority)
    for _ in range(count):
        events += [tuple(pop(queue)), tuple(peek(queue))]
        push(queue, events[-1][0], 1, 2)
    return events


def told(run: Run) -> list[Any]:
    """Return all that a run left behind."""
    try:
        names = "abc"[: len(run.resources.slots)]
        check_progress(run.outcome, run.cycle, waits(run.resources, "actor {}".format, names))
        end = "finished"
    except DeadlockError as error:
        end = str(error)
    arrays = [array.tolist() for array in run.resources]
    return [run.cycle, end, named(Counter, run.counters), arrays, run.timeline]


if __name__ == "__main__":
    print(json.dumps(answers()))

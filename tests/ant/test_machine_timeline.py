"""ANT's timeline holds the run: its waits to the cycle and with their cause, its tasks, its transfers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tandemsim.sim.ant.loop import Engine
from tandemsim.sim.ant.simulation import AntRun
from tandemsim.sim.machines.ant import outcome as ant_outcome
from tandemsim.sim.machines.ant import timeline as ant_timeline
from tandemsim.sim.machines.ant.waits import Chains, Wait, causes
from tandemsim.sim.report.timeline import Timeline
from tandemsim.sim.run import Request, Run, simulate

# Settings under which each cause of a wait is there.
CASES = [
    ("vil-tiny", {}),
    ("resnet18", {"memory": "ideal"}),
    ("vil-tiny", {"dataflow": "os", "array.rows": 32, "vector.lanes": 4}),
    ("mobilenet-v2", {"dram.channels": 1, "output_scratchpad.capacity_bytes": 16384}),
]


def run_of(monkeypatch: pytest.MonkeyPatch, case: tuple[str, dict]) -> tuple[Run, AntRun]:
    """The run, and what the machine made of it."""
    kept: list[AntRun] = []
    simulated = ant_outcome.simulate
    monkeypatch.setattr(ant_outcome, "simulate", lambda *given: kept.append(simulated(*given)) or kept[-1])
    run = simulate(Request(workload=case[0], machine="ant", settings=case[1]))
    monkeypatch.undo()
    return run, kept[-1]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Run, AntRun]:
    return run_of(pytest.MonkeyPatch(), request.param)


def on(timeline: Timeline, track: str) -> np.ndarray:
    return np.flatnonzero(timeline.track == timeline.tracks.index(track))


def covered(start: np.ndarray, end: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Say of each interval whether the union of others covers it."""
    order = np.argsort(begins)
    reach = np.maximum.accumulate(ends[order])
    apart = np.concatenate([[True], begins[order][1:] > reach[:-1]])
    first, last = begins[order][apart], np.maximum.reduceat(ends[order], np.flatnonzero(apart))
    place = np.searchsorted(first, start, "right") - 1
    return (place >= 0) & (end <= last[place])


def test_every_idle_cycle_of_an_engine_has_one_cause(case: tuple[Run, AntRun]) -> None:
    program, times = case[1].program, case[1].plan.times
    for engine in Engine:
        waits = Chains(program, times).of(engine)
        tasks = slice(int(program.first[engine]), int(program.first[engine + 1]))
        idle = times.start[tasks] - np.concatenate([[0], times.end[tasks][:-1]])
        found = np.bincount(waits.task, waits.end - waits.start, len(times.start))[tasks]
        assert (found == idle).all() and (waits.end > waits.start).all()
        assert (waits.start[1:] >= waits.end[:-1]).all()


def test_what_an_engine_waits_for_is_at_work_meanwhile(case: tuple[Run, AntRun]) -> None:
    program, times = case[1].program, case[1].plan.times
    transfers, left = program.transfers, times.end + program.tasks.lag
    before = np.concatenate([[0], times.end[:-1]])
    before[program.first[1] : program.first[1] + 1] = 0
    for engine in Engine:
        waits = Chains(program, times).of(engine)
        for cause in np.unique(waits.cause):
            rows = waits.cause == cause
            if cause in (Wait.DRAM, Wait.OUTPUT):
                moved = transfers.is_write == 1 if cause == Wait.OUTPUT else transfers.rows >= 0
                begins, ends = times.issued[moved], times.complete[moved]
            else:
                other = engine if cause == Wait.FILL else Engine(cause - len(Wait))
                tasks = slice(int(program.first[other]), int(program.first[other + 1]))
                begins = np.maximum(before, times.ready)[tasks] if cause != Wait.FILL else before[tasks]
                ends = left[tasks]
            assert covered(waits.start[rows], waits.end[rows], begins, ends).all()


def test_the_waits_of_the_timeline_are_the_stalls_of_the_report(case: tuple[Run, AntRun]) -> None:
    report, timeline = case[0].report, case[0].timeline
    found: Counter[tuple[str, str]] = Counter()
    for row in on(timeline, "array waits for"):
        op = timeline.texts["for"][timeline.arguments["for"][row]]
        found[op, timeline.labels[timeline.label[row]]] += int(timeline.duration[row])
    stalls = {(op.name, name): count for op in report.ops for name, count in op.stall_cycles.items()}
    # Conflicts of banks lie within tasks.
    assert found == {key: count for key, count in stalls.items() if count and key[1] != "scratchpad"}
    for name, count in report.stall_cycles.items():
        waited = sum(op.stall_cycles.get(name, 0) for op in report.ops)
        # After the array's last task the vector unit is what is waited for, and then the last writes.
        assert count == waited or (name in ("write_back", "vector") and count > waited)


def test_every_cause_is_met_by_some_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    met: Counter[str] = Counter()
    for each in CASES[::2]:
        met.update(run_of(monkeypatch, each)[0].report.stall_cycles)
    causes_of_ant = {*causes(Engine), "write_back"} - {"array", "attention"}
    assert set(met) - {"scratchpad"} == causes_of_ant and all(met.values())


def test_tasks_and_transfers_are_those_of_the_run(case: tuple[Run, AntRun]) -> None:
    (run, done), timeline = case, case[0].timeline
    assert not any("attention" in name for name in timeline.tracks)  # an engine that has nothing to do
    for engine in (Engine.ARRAY, Engine.VECTOR):
        rows = on(timeline, engine.name.lower())
        start, end = timeline.start[rows], (timeline.start + timeline.duration)[rows]
        tasks = slice(int(done.program.first[engine]), int(done.program.first[engine + 1]))
        assert (start == done.plan.times.start[tasks]).all() and (end == done.plan.times.end[tasks]).all()
    reads = [name for name in timeline.tracks if name.startswith("DMA reads")]
    rows = np.concatenate([on(timeline, name) for name in reads])
    assert timeline.arguments["bytes"][rows].sum() == run.report.dram.useful_read_bytes
    least = timeline.arguments["bytes"][rows] / run.report.dram_peak_bytes_per_cycle
    assert (timeline.duration[rows] >= np.floor(least)).all()
    assert (timeline.arguments["queued"][rows] >= 0).all()


def test_activity_adds_up_to_the_report(case: tuple[Run, AntRun]) -> None:
    run, activity = case[0], case[0].activity
    assert activity.macs.sum() == pytest.approx(run.report.macs)
    moved = run.report.dram.read_bytes + run.report.dram.write_bytes
    assert 0.99 * moved <= activity.dram_bytes.sum() <= moved  # what the write queue holds does not move
    conflicts = run.report.stall_cycles.get("scratchpad", 0)  # in which the array is at a task
    assert activity.busy["array"].sum() == pytest.approx(run.report.compute_cycles + conflicts)
    for cycles in activity.busy.values():
        assert (activity.per_cycle(cycles, run.report.cycles) <= 1 + 1e-9).all()


def test_longer_runs_are_joined_until_they_fit_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = run_of(monkeypatch, CASES[0])[0].timeline
    monkeypatch.setattr(ant_timeline, "MOST", 1500)
    run = simulate(Request(workload="vil-tiny", machine="ant"))
    coarse = run.timeline
    assert len(coarse) <= 1500 < len(fine) and coarse.tracks == fine.tracks
    assert any("Track 'array'" in note and "joined" in note for note in coarse.notes())
    for argument in ("bytes", "stalled"):
        sums = [line.arguments[argument][line.arguments[argument] > 0].sum() for line in (fine, coarse)]
        assert sums[0] == sums[1]

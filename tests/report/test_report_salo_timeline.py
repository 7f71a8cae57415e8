"""SALO's timeline holds the run: its stalls to the cycle, its tiles, its transfers, its size in bounds."""

import json
from collections import Counter

import numpy as np
import pytest

from tandemsim.sim.machines.salo import outcome as run_salo
from tandemsim.sim.machines.salo import timeline as run_salo_timeline
from tandemsim.sim.machines.salo.timeline import ARRAY, MOST, READS, TRACKS, WAITS, WRITES
from tandemsim.sim.report.timeline import Timeline, write_timeline
from tandemsim.sim.run import Request, simulate
from tandemsim.sim.salo.machine import SaloRun

# Settings under which each cause of a stall is there.
SETTINGS = [
    {},
    {"memory": "ideal"},
    {"dram.channels": 2, "dram.refresh": False},
    {"key_scratchpad.banks": 16, "value_scratchpad.banks": 32},
    {"array.rows": 16, "value_scratchpad.banks": 8, "output_scratchpad.capacity_bytes": 4096},
    {"array.flush_cycles": 3, "array.merge_latency": 5, "clock_hz": 400_000_000},
    {"numerics": "wide", "array.overlap": "drain"},
    {"memory": "lpddr5-6400", "output_scratchpad.capacity_bytes": 4096},
]


def run_of(monkeypatch, settings: dict, workload: str = "vil-tiny"):
    """The run, and what the machine made of it."""
    kept: list[SaloRun] = []
    simulated = run_salo.simulate

    def keep(*arguments: object) -> SaloRun:
        kept.append(simulated(*arguments))
        return kept[-1]

    monkeypatch.setattr(run_salo, "simulate", keep)
    run = simulate(Request(workload=workload, settings=settings))
    return run, kept[-1]


def on(timeline: Timeline, track: int) -> np.ndarray:
    return np.flatnonzero(timeline.track == track)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_stalls_of_the_timeline_are_those_of_the_report_to_the_cycle(monkeypatch, settings) -> None:
    run, _ = run_of(monkeypatch, settings)
    timeline = run.timeline
    waits = on(timeline, WAITS)
    for op in run.report.ops:
        inside = (timeline.start[waits] >= op.start_cycle) & (
            timeline.start[waits] < op.start_cycle + op.cycles
        )
        found: Counter[str] = Counter()
        for row in waits[inside]:
            found[timeline.labels[timeline.label[row]]] += int(timeline.duration[row])
            assert timeline.arguments["stalled"][row] == timeline.duration[row] > 0
        assert found == {name: cycles for name, cycles in op.stall_cycles.items() if cycles}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_array_never_waits_for_two_things_at_once(monkeypatch, settings) -> None:
    timeline = run_of(monkeypatch, settings)[0].timeline
    waits = on(timeline, WAITS)
    assert (timeline.start[waits][1:] >= (timeline.start + timeline.duration)[waits][:-1]).all()


def test_every_cause_of_a_stall_is_met_by_some_settings(monkeypatch) -> None:
    causes: Counter[str] = Counter()
    for settings in SETTINGS:
        causes.update(run_of(monkeypatch, settings)[0].report.stall_cycles)
    assert all(causes.values())


def test_tiles_carry_the_head_the_block_and_the_kind_of_work(monkeypatch) -> None:
    run, done = run_of(monkeypatch, {}, "vil-medium-wide")
    timeline = run.timeline
    rows = iter(on(timeline, ARRAY))
    for layer in done.layers:
        schedule = layer.result.program.schedule
        for head in range(layer.result.program.layer.heads):
            for tile in range(schedule.tiles):
                row = next(rows)
                found = {name: int(column[row]) for name, column in timeline.arguments.items()}
                assert (found["head"], found["block"]) == (head, schedule.block[tile])
                assert found["tile"] == head * schedule.tiles + tile
                kind = timeline.texts["kind"][found["kind"]]
                assert (kind == "global projections") == (schedule.source[tile] == 1)
                assert (kind == "global row") == (
                    schedule.source[tile] == 0 and schedule.local_pairs[tile] == 0
                )
    assert next(rows, None) is None


def test_transfers_last_from_the_first_burst_taken_to_the_last_served(monkeypatch) -> None:
    run, done = run_of(monkeypatch, {})
    timeline = run.timeline
    for track, kinds in ((READS, 0), (WRITES, 1)):
        rows = on(timeline, track)
        wanted = []
        for layer in done.layers:
            record, transfers = layer.result.times, layer.result.program.transfers
            mine = np.flatnonzero(transfers.is_write == kinds)
            wanted += zip(
                (record.transfer_begun[mine] + layer.start).tolist(),
                (record.transfer_end[mine] + layer.start).tolist(),
                transfers.size_bytes[mine].tolist(),
                strict=True,
            )
        end = timeline.start + timeline.duration
        found = zip(timeline.start[rows], end[rows], timeline.arguments["bytes"][rows], strict=True)
        assert sorted(found) == sorted(wanted)
        assert (timeline.duration[rows] > 0).all()  # a burst takes time


def test_no_transfer_is_faster_than_the_pins_of_the_dram(monkeypatch) -> None:
    run = run_of(monkeypatch, {})[0]
    timeline, rows = run.timeline, on(run.timeline, READS)
    least = timeline.arguments["bytes"][rows] / run.report.dram_peak_bytes_per_cycle
    assert (timeline.duration[rows] >= np.floor(least)).all()


def test_heads_begin_in_the_activity_where_their_first_tile_does(monkeypatch) -> None:
    run, done = run_of(monkeypatch, {}, "vil-medium-wide")
    first = on(run.timeline, ARRAY)
    head, tile = run.timeline.arguments["head"], run.timeline.arguments["tile"]
    begins = [run.timeline.start[row] for row in first if tile[row] == 0 or head[row] != head[row - 1]]
    assert run.activity.heads.tolist() == begins
    assert len(begins) == sum(layer.result.program.layer.heads for layer in done.layers)


@pytest.mark.parametrize("most", [1, 30, 200, 1500])
def test_longer_runs_are_joined_until_they_fit_and_say_so(monkeypatch, most: int) -> None:
    fine = run_of(monkeypatch, {}, "vil-medium-wide")[0].timeline
    monkeypatch.setattr(run_salo_timeline, "MOST", dict.fromkeys(MOST, most))
    run, done = run_of(monkeypatch, {}, "vil-medium-wide")
    coarse = run.timeline
    layers = len(done.layers)
    for track, name in enumerate(TRACKS):
        before, after = on(fine, track), on(coarse, track)
        names = len(set(fine.label[before].tolist())) * layers
        assert len(after) <= max(most, names)
        joined = coarse.arguments.get("joined", np.full(len(coarse), -1))[after]
        if len(before) > most:
            assert joined.sum() == len(before)
            assert any(f"Track {name!r}" in note and "joined" in note for note in coarse.notes())
        for argument in ("bytes", "stalled"):
            sums = [line.arguments[argument][rows].sum() for line, rows in ((fine, before), (coarse, after))]
            if fine.arguments[argument][before].max(initial=-1) >= 0:
                assert sums[0] == sums[1]
    assert run_of(monkeypatch, {}, "vil-medium-wide")[0].timeline.notes() == coarse.notes()


def test_joined_tiles_are_of_one_head_and_of_neighboring_blocks(monkeypatch) -> None:
    monkeypatch.setattr(run_salo_timeline, "MOST", dict.fromkeys(MOST, 400))
    run, done = run_of(monkeypatch, {}, "vil-medium-wide")
    timeline, rows = run.timeline, on(run.timeline, ARRAY)
    assert {timeline.labels[label] for label in timeline.label[rows]} == {"block"}
    tiles_of_layers = iter(rows)
    for layer in done.layers:
        schedule, heads = layer.result.program.schedule, layer.result.program.layer.heads
        expected = 0
        while expected < schedule.tiles * heads:
            row = next(tiles_of_layers)
            first, count = int(timeline.arguments["tile"][row]), int(timeline.arguments["joined"][row])
            assert first == expected
            assert (
                first // schedule.tiles
                == (first + count - 1) // schedule.tiles
                == timeline.arguments["head"][row]
            )
            assert schedule.block[first % schedule.tiles] == timeline.arguments["block"][row]
            expected += count


def test_the_timeline_of_16k_tokens_is_at_most_20_megabytes_and_no_slice_overlaps(tmp_path) -> None:
    run = simulate(Request(workload="longformer-16k"))
    write_timeline(tmp_path / "t.json", run.report, run.timeline, run.activity)
    assert (tmp_path / "t.json").stat().st_size <= 20_000_000
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    ends: dict[int, int] = {}
    for event in sorted((e for e in events if e["ph"] == "X"), key=lambda e: e["ts"]):
        assert ends.get(event["tid"], 0) <= event["ts"]
        ends[event["tid"]] = event["ts"] + event["dur"]

import dataclasses
import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.rules import InvariantError
from tandemsim.sim.report.timeline import Timeline, lane_of_each, write_timeline

EVERY = ("cycle", "time_ns", "length_ns")


def small(**changes: object) -> Timeline:
    """Two tiles, and two reads in flight at once."""
    timeline = Timeline(
        tracks=("array", "dma read"),
        labels=("tile", "key"),
        track=np.array([0, 0, 1, 1], np.int16),
        label=np.array([0, 0, 1, 1], np.int32),
        start=np.array([10, 141, 0, 20]),
        duration=np.array([131, 131, 40, 40]),
        arguments={"tile": np.array([0, 1, -1, -1]), "bytes": np.array([-1, -1, 64, 128])},
    )
    return dataclasses.replace(timeline, **changes)


def events_of(path: Path) -> list[dict]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        return json.load(stream)["traceEvents"]


def track_names(events: list[dict]) -> dict[int, str]:
    return {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}


def own(event: dict) -> dict:
    """The arguments that are not those of every slice."""
    return {name: value for name, value in event["args"].items() if name not in EVERY}


@pytest.fixture(scope="module")
def whole_run(report: Report, timeline: Timeline, activity: Activity, tmp_path_factory) -> list[dict]:
    """The events of a run of 287,000 tiles, read back."""
    path = tmp_path_factory.mktemp("timeline") / "timeline.json.gz"
    write_timeline(path, report, timeline, activity)
    return events_of(path)


def test_every_event_has_the_fields_of_its_phase(whole_run: list[dict]) -> None:
    needed = {
        "X": {"pid", "tid", "name", "ts", "dur"},
        "C": {"pid", "name", "ts", "args"},
        "M": {"pid", "name", "args"},
    }
    assert all(needed[event["ph"]] <= event.keys() for event in whole_run)
    times = [event[key] for event in whole_run for key in ("ts", "dur") if key in event]
    assert all(type(time) is int and time >= 0 for time in times)


def test_there_is_one_slice_for_each_op_tile_and_transfer(
    whole_run, report: Report, timeline: Timeline
) -> None:
    names = track_names(whole_run)
    slices = Counter(names[event["tid"]].rstrip(" 0123456789") for event in whole_run if event["ph"] == "X")
    assert slices == {
        "ops": 12,
        **{name: int((timeline.track == i).sum()) for i, name in enumerate(timeline.tracks)},
    }
    assert slices["array"] == sum(op.tiles for op in report.ops)


def test_slices_keep_their_start_duration_label_and_arguments(whole_run, timeline: Timeline) -> None:
    names = track_names(whole_run)
    written = sorted(
        (names[e["tid"]].rstrip(" 0123456789"), e["name"], e["ts"], e["dur"], *sorted(own(e).items()))
        for e in whole_run
        if e["ph"] == "X" and names[e["tid"]] != "ops"
    )
    rows = zip(
        timeline.track, timeline.label, timeline.start.tolist(), timeline.duration.tolist(), strict=True
    )
    tile, size = timeline.arguments["tile"].tolist(), timeline.arguments["bytes"].tolist()
    given_ = sorted(
        (
            timeline.tracks[track],
            timeline.labels[label],
            start,
            duration,
            ("tile", tile[i]) if track == 0 else ("bytes", size[i]),
        )
        for i, (track, label, start, duration) in enumerate(rows)
    )
    assert written == given_


def test_ops_are_a_track_of_their_own_above_the_machines(whole_run, report: Report) -> None:
    (thread,) = [thread for thread, name in track_names(whole_run).items() if name == "ops"]
    sort = {e["tid"]: e["args"]["sort_index"] for e in whole_run if e["name"] == "thread_sort_index"}
    assert sort[thread] == min(sort.values())
    slices = [(e["name"], e["ts"], e["dur"]) for e in whole_run if e["ph"] == "X" and e["tid"] == thread]
    assert slices == [(op.name, op.start_cycle, op.cycles) for op in report.ops]


def test_no_slice_overlaps_another_of_its_track(whole_run: list[dict]) -> None:
    ends: dict[int, int] = {}
    for event in sorted((e for e in whole_run if e["ph"] == "X"), key=lambda e: e["ts"]):
        assert ends.get(event["tid"], 0) <= event["ts"]
        ends[event["tid"]] = event["ts"] + event["dur"]


def test_counters_carry_utilization_and_end_at_zero(whole_run, report: Report, activity: Activity) -> None:
    used = [(e["ts"], e["args"]["value"]) for e in whole_run if e["ph"] == "C" and e["name"] == "utilization"]
    assert len(used) == len(activity.macs) + 1
    assert used[-1] == (report.cycles, 0.0)
    assert used[1][1] == pytest.approx(activity.macs[1] / activity.bin_cycles / report.multipliers, abs=1e-4)


def test_transfers_in_flight_at_once_go_to_two_lanes(report: Report, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.json", report, small())
    events = events_of(tmp_path / "t.json")
    names = track_names(events)
    lanes = {names[e["tid"]]: own(e) for e in events if e["ph"] == "X" and e["name"] == "key"}
    assert lanes == {"dma read": {"bytes": 64}, "dma read 2": {"bytes": 128}}


def test_the_same_run_gives_the_same_bytes(report: Report, tmp_path: Path, monkeypatch) -> None:
    write_timeline(tmp_path / "a.json.gz", report, small())
    monkeypatch.setattr("time.time", lambda: 86_400.0)
    write_timeline(tmp_path / "b.json.gz", report, small())
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_only_names_in_gz_are_packed(report: Report, tmp_path: Path) -> None:
    write_timeline(tmp_path / "a.json", report, small())
    write_timeline(tmp_path / "a.json.gz", report, small())
    assert gzip.decompress((tmp_path / "a.json.gz").read_bytes()) == (tmp_path / "a.json").read_bytes()


def test_slices_of_one_track_show_each_the_arguments_it_has(report: Report, tmp_path: Path) -> None:
    one_track = np.zeros(4, np.int16)
    write_timeline(tmp_path / "t.json", report, small(track=one_track, start=np.arange(4) * 200))
    slices = [e for e in events_of(tmp_path / "t.json") if e["ph"] == "X" and e["tid"] == 2]
    arguments = [own(e) for e in sorted(slices, key=lambda e: e["ts"])]
    assert arguments == [{"tile": 0}, {"tile": 1}, {"bytes": 64}, {"bytes": 128}]


@pytest.mark.parametrize("name", ['say "tile"', "100%d", "µ\\n", "a\nb"])
def test_names_of_any_characters_are_kept(report: Report, tmp_path: Path, name: str) -> None:
    timeline = small(labels=(name, "key"), tracks=(name, "dma"), arguments={name: np.array([1, 2, 3, 4])})
    write_timeline(tmp_path / "t.json", report, timeline)
    slices = [e for e in events_of(tmp_path / "t.json") if e["ph"] == "X" and e["name"] == name]
    assert [own(e) for e in slices] == [{name: 1}, {name: 2}]


def test_a_run_without_slices_is_a_valid_file(empty_report: Report, tmp_path: Path) -> None:
    none = np.array([], np.int64)
    timeline = Timeline(tracks=("array",), labels=(), track=none, label=none, start=none, duration=none)
    write_timeline(tmp_path / "t.json", empty_report, timeline)
    assert {e["ph"] for e in events_of(tmp_path / "t.json")} == {"M"}


@pytest.mark.parametrize("clock_hz", [10**9, 5 * 10**8, 7 * 10**8, 1_600_000_000])
def test_every_slice_carries_its_cycle_and_its_true_times(
    report: Report, tmp_path: Path, clock_hz: int
) -> None:
    write_timeline(tmp_path / "t.json", dataclasses.replace(report, clock_hz=clock_hz), small())
    slices = [e for e in events_of(tmp_path / "t.json") if e["ph"] == "X"]
    assert len(slices) == 4 + len(report.ops)
    for event in slices:
        assert event["args"]["cycle"] == event["ts"]
        assert event["args"]["time_ns"] == pytest.approx(event["ts"] * 1e9 / clock_hz, abs=0.001)
        assert event["args"]["length_ns"] == pytest.approx(event["dur"] * 1e9 / clock_hz, abs=0.001)


def test_the_unit_stands_where_a_viewer_shows_it(report: Report, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.json", dataclasses.replace(report, clock_hz=5 * 10**8), small())
    (name,) = [e["args"]["name"] for e in events_of(tmp_path / "t.json") if e["name"] == "process_name"]
    assert name == "longformer on salo (salo); 1 us of this file is 1 cycle, 2 ns at 500 MHz"


def test_arguments_may_be_texts(report: Report, tmp_path: Path) -> None:
    places = np.array([1, 0, -1, -1])
    timeline = small(arguments={"kind": places}, texts={"kind": ("a%d", 'b"')})
    write_timeline(tmp_path / "t.json", report, timeline)
    slices = [e for e in events_of(tmp_path / "t.json") if e["ph"] == "X" and e["name"] in ("tile", "key")]
    assert [own(e) for e in slices] == [{"kind": 'b"'}, {"kind": "a%d"}, {}, {}]
    with pytest.raises(InvariantError, match="values of kind refer to more than"):
        small(arguments={"kind": places}, texts={"kind": ("only one",)})


def test_what_was_joined_is_said_in_the_file_and_beside_the_run(report: Report, tmp_path: Path) -> None:
    timeline = small(coarser=("Track 'array': the tiles of a block are joined",))
    write_timeline(tmp_path / "t.json", report, timeline)
    said = "Track 'array': the tiles of a block are joined, so that the file opens quickly."
    assert json.loads((tmp_path / "t.json").read_text())["otherData"]["notes"][-1] == said
    (labels,) = [e["args"] for e in events_of(tmp_path / "t.json") if e["name"] == "process_labels"]
    assert labels == {"labels": said}


def test_dropped_slices_are_said_in_the_file(report: Report, tmp_path: Path) -> None:
    assert small().notes() == ()
    timeline = small(dropped=1_000)
    write_timeline(tmp_path / "t.json", report, timeline)
    notes = json.loads((tmp_path / "t.json").read_text())["otherData"]["notes"]
    assert notes[-1] == "The timeline shows the first 4 of 1,004 tiles and transfers." == timeline.notes()[0]


def test_busy_engines_are_counters_that_end_with_the_run(report: Report, tmp_path: Path) -> None:
    bins = -(-report.cycles // 1000)
    lengths = np.minimum(np.arange(1, bins + 1) * 1000, report.cycles) - np.arange(bins) * 1000
    whole = Activity(
        bin_cycles=1000, macs=np.zeros(bins), dram_bytes=np.zeros(bins), busy={"array": lengths / 4}
    )
    write_timeline(tmp_path / "t.json", report, small(), whole)
    counters = [e for e in events_of(tmp_path / "t.json") if e["ph"] == "C" and e["name"] == "array busy"]
    assert {e["args"]["value"] for e in counters[:-1]} == {0.25}
    assert (counters[-1]["ts"], counters[-1]["args"]["value"]) == (report.cycles, 0)
    with pytest.raises(InvariantError, match="1 bins of array"):
        dataclasses.replace(whole, busy={"array": np.zeros(1)})


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=30))
def test_lanes_are_as_many_as_slices_at_once_and_never_overlap(slices: list[tuple[int, int]]) -> None:
    slices = sorted(slices)
    start = np.array([begin for begin, _ in slices], np.int64)
    end = start + np.array([length for _, length in slices], np.int64)
    lane = lane_of_each(start, end)
    for number in set(lane.tolist()):
        mine = lane == number
        assert (start[mine][1:] >= end[mine][:-1]).all()
    at_once = max(
        (sum(b <= time < e for b, e in zip(start, end, strict=True)) for time in range(40)), default=0
    )
    longest_zero = int((start == end).any())  # a slice of no length needs a lane only where it meets none
    assert at_once <= len(set(lane.tolist())) <= at_once + longest_zero


@pytest.mark.parametrize(
    "changes",
    [
        {"start": np.array([1, 2, 3])},
        {"arguments": {"tile": np.array([1])}},
        {"track": np.array([0, 0, 1, 2], np.int16)},
        {"label": np.array([0, 0, 1, -1], np.int32)},
        {"duration": np.array([1, 1, 1, -1])},
    ],
)
def test_columns_that_do_not_fit_are_refused(changes: dict) -> None:
    with pytest.raises(InvariantError, match="timeline"):
        small(**changes)


def test_the_last_bin_counts_only_the_cycles_it_has() -> None:
    activity = Activity(bin_cycles=100, macs=np.array([500.0, 500.0, 100.0]), dram_bytes=np.zeros(3))
    assert activity.per_cycle(activity.macs, 220).tolist() == [5.0, 5.0, 5.0]


def test_bins_after_the_end_of_the_run_are_refused() -> None:
    activity = Activity(bin_cycles=100, macs=np.ones(3), dram_bytes=np.ones(3))
    with pytest.raises(InvariantError, match="bins after the last cycle"):
        activity.per_cycle(activity.macs, 200)


def test_bins_of_two_lengths_are_refused() -> None:
    with pytest.raises(InvariantError, match="3 bins of MACs and 2 of DRAM bytes"):
        Activity(bin_cycles=100, macs=np.ones(3), dram_bytes=np.ones(2))

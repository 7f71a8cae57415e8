"""The run as a picture in time: tiles and transfers, as Chrome trace events that Perfetto opens.

Obeys the JSON Object Format of Chrome's Trace Event Format: complete events (``X``), counters (``C``),
metadata (``M``). Times there are in microseconds; one cycle is written as one, and each slice carries its
cycle and its true times as arguments. Perfetto drops a slice that overlaps another of its track without
nesting (`slice_drop_overlapping_complete_event`), so a track on which slices overlap is spread over several
lanes.

Machines log columns, not objects, formatted in bounded chunks.
"""

from __future__ import annotations

import gzip
import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import exact
from tandemsim.sim.report.rules import check
from tandemsim.sim.shell.files import written

PROCESS = 1
CHUNK_SLICES = 1 << 15  # about 3 MB of text at a time
COMPRESSION_LEVEL = 4  # on 360,000 slices: a tenth smaller than level 3; level 6 takes 1.3 times the time
UNIT = "1 us of this file is 1 cycle"  # of the contract
NS_PER_S = 10**9
NONE = -1  # in an argument column: this slice has no such argument

Integers = npt.NDArray[np.integer[Any]]
Stream = BinaryIO | gzip.GzipFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Slices in columns of one length n; `track` and `label` index into `tracks` and `labels`.

    `start` and `duration` are in cycles. `arguments` maps a name (``tile``, ``bytes``) to a column of
    integers, where -1 means that the slice has none; the values of those in `texts` are places in texts.
    `coarser` says what was joined to make the file smaller. `dropped` counts slices that found the log full.
    """

    tracks: tuple[str, ...]
    labels: tuple[str, ...]
    track: Integers
    label: Integers
    start: Integers
    duration: Integers
    arguments: Mapping[str, Integers] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coarser: tuple[str, ...] = ()
    dropped: int = 0

    def __post_init__(self) -> None:
        count = len(self)
        columns = {"label": self.label, "start": self.start, "duration": self.duration, **self.arguments}
        for name, column in columns.items():
            check(len(column) == count, f"timeline: {len(column)} values of {name} for {count} slices")
        for column, names in ((self.track, self.tracks), (self.label, self.labels)):
            inside = not count or 0 <= column.min() <= column.max() < len(names)
            check(bool(inside), f"timeline: slices refer to more than {names}")
        for name, texts in self.texts.items():
            inside = not count or NONE <= self.arguments[name].min() <= self.arguments[name].max() < len(
                texts
            )
            check(bool(inside), f"timeline: values of {name} refer to more than {texts}")
        check(not count or min(self.start.min(), self.duration.min()) >= 0, "timeline: negative times")

    def __len__(self) -> int:
        return len(self.track)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the timeline must know: what was joined, and whether it is complete."""
        joined = tuple(f"{note}, so that the file opens quickly." for note in self.coarser)
        if not self.dropped:
            return joined
        every = len(self) + self.dropped
        return (*joined, f"The timeline shows the first {len(self):,} of {every:,} tiles and transfers.")


def timeline_of_ops(report: Report) -> Timeline:
    """Return a timeline with one slice for each op, for a machine that says no more."""
    ops = report.ops
    return Timeline(
        tracks=("ops",),
        labels=tuple(op.name for op in ops),
        track=np.zeros(len(ops), np.int64),
        label=np.arange(len(ops), dtype=np.int64),
        start=np.array([op.start_cycle for op in ops], np.int64),
        duration=np.array([op.cycles for op in ops], np.int64),
    )


def write_timeline(
    path: str | Path, report: Report, timeline: Timeline, activity: Activity | None = None
) -> None:
    """Write the run to `path`, gzipped where its name ends in ``.gz``. Raises `FileError`."""
    about = {
        "workload": report.workload,
        "machine": report.machine,
        "preset": report.preset,
        "unit": UNIT,
        "clock_hz": report.clock_hz,
        "notes": [*report.notes, *timeline.notes()],
    }
    _write_events(path, about, _title(report), timeline.notes(), _body(report, timeline, activity))


def write_slices(
    path: str | Path, timeline: Timeline, *, title: str, about: Mapping[str, Any], clock_hz: int
) -> None:
    """Write slices that are not of a report; `title` names what ran. Raises `FileError`."""
    _write_events(path, about, title, timeline.notes(), _tracks([timeline], clock_hz))


def _write_events(
    path: str | Path, about: Mapping[str, Any], title: str, notes: tuple[str, ...], body: Iterator[str]
) -> None:
    with written(path) as stream:
        if str(path).endswith(".gz"):
            # No name and no time in the header: the same run gives the same bytes.
            with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, stream, mtime=0) as packed:
                _write(packed, about, title, notes, body)
        else:
            _write(stream, about, title, notes, body)


def _write(
    stream: Stream, about: Mapping[str, Any], title: str, notes: tuple[str, ...], body: Iterator[str]
) -> None:
    stream.write(b'{"displayTimeUnit": "ns",\n"otherData": %s,\n' % json.dumps(about).encode())
    stream.write(b'"traceEvents": [\n')
    process = {"ph": "M", "pid": PROCESS, "name": "process_name", "args": {"name": title}}
    stream.write(json.dumps(process).encode())
    if notes:
        labels = " ".join(notes)
        note = {"ph": "M", "pid": PROCESS, "name": "process_labels", "args": {"labels": labels}}
        stream.write(b",\n" + json.dumps(note).encode())
    for chunk in body:
        stream.write(b",\n")
        stream.write(chunk.encode())
    stream.write(b"\n]}\n")


def _title(report: Report) -> str:
    """Name the run and, since a viewer knows no cycles, the unit of its times."""
    run = f"{report.workload} on {report.machine} ({report.preset})"
    return f"{run}; {UNIT}, {NS_PER_S / report.clock_hz:.4g} ns at {exact(report.clock_hz, 'Hz')}"


def _body(report: Report, timeline: Timeline, activity: Activity | None) -> Iterator[str]:
    yield from _tracks([_op_slices(report), timeline], report.clock_hz)
    if activity is not None:
        yield from _counters(report, activity)


def _tracks(sources: list[Timeline], clock_hz: int) -> Iterator[str]:
    thread = 0
    for source in sources:
        for track, name in enumerate(source.tracks):
            for lane, slices in enumerate(_lanes(source, track)):
                thread += 1
                yield _thread(thread, f"{name} {lane + 1}" if lane else name)
                yield from _slices(source, slices, thread, clock_hz)


def _op_slices(report: Report) -> Timeline:
    """The ops as a track of their own, above those of the machine."""
    ops = report.ops
    return Timeline(
        tracks=("ops",),
        labels=tuple(op.name for op in ops),
        track=np.zeros(len(ops), np.int16),
        label=np.arange(len(ops)),
        start=np.array([op.start_cycle for op in ops], np.int64),
        duration=np.array([op.cycles for op in ops], np.int64),
        arguments={name: np.array([getattr(op, name) for op in ops], np.int64) for name in ("tiles", "macs")},
    )


def _lanes(source: Timeline, track: int) -> list[Integers]:
    """Return the slices of a track, in the order of their starts, as lanes in which none overlaps another."""
    slices = np.flatnonzero(source.track == track)
    slices = slices[np.argsort(source.start[slices], kind="stable")]
    start = source.start[slices].astype(np.int64)
    lane = lane_of_each(start, start + source.duration[slices])
    return [slices[lane == number] for number in range(int(lane.max(initial=0)) + 1)]


def lane_of_each(start: Integers, end: Integers) -> Integers:
    """Return the lowest lane that is free for each slice, given in the order of their starts. Shape (n,)."""
    if (start[1:] >= end[:-1]).all():
        return np.zeros(len(start), np.int64)
    lane_of: list[int] = []
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    for begin, finish in zip(start.tolist(), end.tolist(), strict=True):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (finish, lane))
        lane_of.append(lane)
    return np.array(lane_of, np.int64)


def _slices(source: Timeline, slices: Integers, thread: int, clock_hz: int) -> Iterator[str]:
    """Format the slices of one lane. Those with the same arguments share a template."""
    columns = {name: column for name, column in source.arguments.items() if (column[slices] != NONE).any()}
    present = np.zeros(len(slices), np.int64)  # bit i: the slice has argument i
    for bit, column in enumerate(columns.values()):
        present |= (column[slices] != NONE).astype(np.int64) << bit
    labels = [_quoted(label) for label in source.labels]
    for mask in np.unique(present):
        chosen = slices[present == mask]
        shown = {name: column for bit, (name, column) in enumerate(columns.items()) if mask >> bit & 1}
        template = _template(thread, list(shown), set(source.texts), clock_hz)
        for first in range(0, len(chosen), CHUNK_SLICES):
            rows = chosen[first : first + CHUNK_SLICES]
            start, duration = source.start[rows].tolist(), source.duration[rows].tolist()
            times = (start, duration, start, _ns(start, clock_hz), _ns(duration, clock_hz))
            values = [_values(source, name, column[rows].tolist()) for name, column in shown.items()]
            names = [labels[label] for label in source.label[rows].tolist()]
            yield ",\n".join([template % row for row in zip(names, *times, *values, strict=True)])


def _values(source: Timeline, name: str, places: list[int]) -> list[Any]:
    if name not in source.texts:
        return places
    texts = [_quoted(text) for text in source.texts[name]]
    return [texts[place] for place in places]


def _template(thread: int, arguments: list[str], texts: set[str], clock_hz: int) -> str:
    ns = "%d" if NS_PER_S % clock_hz == 0 else "%.3f"
    pairs = ['"cycle":%d', f'"time_ns":{ns}', f'"length_ns":{ns}']
    pairs += [f"{_quoted(name)}:{'%s' if name in texts else '%d'}" for name in arguments]
    args = ",".join(pairs)
    return f'{{"ph":"X","pid":{PROCESS},"tid":{thread},"name":%s,"ts":%d,"dur":%d,"args":{{{args}}}}}'


def _ns(cycles: list[int], clock_hz: int) -> list[Any]:
    """Return cycles as nanoseconds, whole where a cycle is."""
    whole, rest = divmod(NS_PER_S, clock_hz)
    return [cycle * NS_PER_S / clock_hz for cycle in cycles] if rest else [cycle * whole for cycle in cycles]


def _quoted(text: str) -> str:
    return json.dumps(text).replace("%", "\\u0025")  # a % would be taken for a place in the template


def _thread(thread: int, name: str) -> str:
    common = {"ph": "M", "pid": PROCESS, "tid": thread}
    named = common | {"name": "thread_name", "args": {"name": name}}
    sorted_ = common | {"name": "thread_sort_index", "args": {"sort_index": thread}}
    return json.dumps(named) + ",\n" + json.dumps(sorted_)


def _counters(report: Report, activity: Activity) -> Iterator[str]:
    """Utilization, DRAM traffic and how busy the engines are over time, back to zero where the run ends."""
    rates = {
        "utilization": activity.per_cycle(activity.macs, report.cycles) / report.multipliers,
        "dram bytes per cycle": activity.per_cycle(activity.dram_bytes, report.cycles),
        **{
            f"{name} busy": activity.per_cycle(cycles, report.cycles)
            for name, cycles in activity.busy.items()
        },
    }
    for name, values in rates.items():
        points = zip([*activity.starts().tolist(), report.cycles], [*values.tolist(), 0.0], strict=True)
        yield ",\n".join(_counter(name, cycle, round(value, 4)) for cycle, value in points)


def _counter(name: str, cycle: int, value: float) -> str:
    return json.dumps({"ph": "C", "pid": PROCESS, "name": name, "ts": cycle, "args": {"value": value}})

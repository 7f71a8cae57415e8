"""The table of a sweep: a row for each point, in the order of the points, whatever became of it.

Columns: ``point``, ``status``, ``reason``; the keys of the study that are not columns of a report's summary;
the summary (`sim.report.summary`); ``on_front``. What a row has no value for is null. A study gives the same
table, byte for byte, whoever ran its points.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report.summary import SUMMARY_KEYS
from tandemsim.sim.sweep.fields import Fields
from tandemsim.sim.sweep.pareto import front
from tandemsim.sim.sweep.point_run import OK, Outcome
from tandemsim.sim.sweep.sections import OBJECTIVES
from tandemsim.sim.sweep.space import Point, Space

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 16_384  # assumed: rows that are Python objects at the same time
TEXTS = ("workload", "machine", "preset", "settings", "config_digest", "trace_digest", "version")
FLOATS = ("seconds", "utilization", "macs_share", "energy_pj", "power_w", "area_mm2", "area_estimate_mm2")
SAME_WORK = ("trace_digest", "batch", "macs")  # points that may be compared


def make_table(
    space: Space, fields: Fields, outcomes: Callable[[], Iterable[Outcome]], about: Mapping[str, str]
) -> pa.Table:
    """Return the table. `outcomes` returns all of them, in any order; of one point the last one counts."""
    import pyarrow as pa

    schema = _schema(space, dict.fromkeys(name for outcome in outcomes() for name in outcome.row))
    types = {name: schema.field(name).type for name in parameters(space)}
    casts: dict[str, Callable[[Any], object]] = {}
    casts |= {name: _text for name, kind in types.items() if kind == pa.string()}
    casts |= {
        name: float for name, kind in types.items() if kind == pa.float64()
    }  # an integer of 60 bits too
    batches = [
        pa.RecordBatch.from_pylist([_row(space[o.number], o, fields, casts) for o in some], schema)
        for some in _chunks(outcomes())
    ]
    table = pa.Table.from_batches(batches, schema)
    places = {number: place for place, number in enumerate(table["point"].to_pylist())}
    table = table.take([places[number] for number in sorted(places)]).combine_chunks()
    return _marked(table, fronts_of(table, space.study.pareto)).replace_schema_metadata(dict(about))


def _chunks(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    coming = iter(outcomes)
    while some := list(islice(coming, CHUNK)):
        yield some


def groups_of(table: pa.Table) -> dict[tuple[Any, ...], list[int]]:
    """Return the rows that ran, by the work that they did; in each group they can be compared."""
    columns = [table["status"].to_pylist(), *(table[name].to_pylist() for name in SAME_WORK)]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, (status, *work) in enumerate(zip(*columns, strict=True)):
        if status == OK:
            groups.setdefault(tuple(work), []).append(row)
    return groups


def fronts_of(table: pa.Table, objectives: Iterable[str]) -> list[list[int]]:
    """Return the rows on the front of each group; rows that lack an objective are on none."""
    columns = [table[OBJECTIVES[name]].to_pylist() for name in objectives]
    found = []
    for rows in groups_of(table).values():
        known = [row for row in rows if all(column[row] is not None for column in columns)]
        points = [[column[row] for column in columns] for row in known]
        found.append([known[place] for place in front(points)])
    return found


def _marked(table: pa.Table, fronts: Iterable[Iterable[int]]) -> pa.Table:
    """Append the column ``on_front``: null where a point did not run."""
    import pyarrow as pa

    marks = [False if status == OK else None for status in table["status"].to_pylist()]
    for rows in fronts:
        for row in rows:
            marks[row] = True
    return table.append_column("on_front", pa.array(marks, pa.bool_()))


def parameters(space: Space) -> list[str]:
    """The keys of the study that have a column of their own; ``clock_hz`` and the like are in the summary."""
    return [key for key in space.keys if key not in SUMMARY_KEYS]


def _schema(space: Space, names: Iterable[str]) -> pa.Schema:
    import pyarrow as pa

    columns = [("point", pa.int64()), ("status", pa.string()), ("reason", pa.string())]
    columns += [(key, _type_of(_values(space, key))) for key in parameters(space)]
    columns += [(name, _summary_type(name)) for name in _summary_names(names)]
    return pa.schema(columns)


def _summary_names(found: Iterable[str]) -> Iterator[str]:
    """The columns of the summary in its order; those by cause or part, of which runs differ, sorted."""
    names = set(found)
    fixed = {name for name in SUMMARY_KEYS if "<" not in name}
    for key in SUMMARY_KEYS:
        if "<" not in key:
            yield key
            continue
        before, after = key.partition("<")[0], key.partition(">")[2]
        yield from sorted(n for n in names - fixed if n.startswith(before) and n.endswith(after))


def _summary_type(name: str) -> pa.DataType:
    import pyarrow as pa

    if name in TEXTS:
        return pa.string()
    return pa.float64() if name in FLOATS or name.startswith("energy_") else pa.int64()


def _values(space: Space, key: str) -> Iterator[object]:
    study = space.study
    yield from study.grid.get(key, ())
    yield from (row[key].value for row in study.rows if key in row)
    if key in study.random:
        yield from study.random[key].kinds


def _type_of(values: Iterable[object]) -> pa.DataType:
    """The type of a column: that of all values where they agree, else text."""
    import pyarrow as pa

    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()


def _row(
    point: Point, outcome: Outcome, fields: Fields, casts: Mapping[str, Callable[[Any], object]]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "point": outcome.number,
        "status": outcome.status,
        "reason": outcome.reason or None,
    }
    row |= {key: value for key, value in point.items() if key not in SUMMARY_KEYS}
    row |= {key: cast(row[key]) for key, cast in casts.items() if key in row}
    workload = {"workload": fields.name_of(point)}
    if outcome.status == OK:
        return row | outcome.row | workload
    row |= {key: value for key, value in point.items() if key in SUMMARY_KEYS and _fits(value, key)}
    stated = {
        "machine": fields.machine_of(point) or None,
        "preset": fields.preset_of(point) or None,
        "trace_digest": fields.digest_of(point),
        **workload,
    }
    return {"batch": 1} | row | stated if "batch" not in point else row | stated


def _fits(value: object, name: str) -> bool:
    """Whether what a point sets has the type of the summary's column: a point may set nonsense."""
    kind = type(value)
    return kind is str if name in TEXTS else kind is int or (kind is float and name in FLOATS)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

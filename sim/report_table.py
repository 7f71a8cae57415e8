"""The ops of a report as one table, in Apache Parquet: a row for each op that ran, then each that did not.

Columns are the keys of an op in the JSON, ``stall_cycles`` spread over ``stall_<cause>``; ``ran`` tells the
two kinds of rows apart, and columns that a row has no value for are null. The file's metadata names the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.arch.files import written
from sim.report import Report

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = ("schema", "workload", "machine", "preset", "config_digest", "trace_digest", "version")
_TEXTS = ("name", "kind", "reason")
_COUNTS = ("start_cycle", "cycles", "compute_cycles", "macs", "tiles", "dram_read_bytes", "dram_write_bytes")


def columns(report: Report) -> dict[str, list[Any]]:
    """Return the table as columns of plain values, all of one length."""
    stalls = dict.fromkeys(name for op in report.ops for name in op.stall_cycles)
    rows = [_flat(op, stalls) | {"ran": True} for op in report.as_dict()["ops"]]
    rows += [op | {"ran": False} for op in report.as_dict()["not_run"]]
    names = dict.fromkeys([*_TEXTS, "ran", *_COUNTS, "utilization", *(name for row in rows for name in row)])
    return {name: [row.get(name) for row in rows] for name in names}


def write_table(path: str | Path, report: Report) -> None:
    """Write the table to `path`. Raises `FileError`."""
    import pyarrow.parquet as pq  # here, because only --out needs it, and it takes a third of a second

    table = _table(report)
    with written(path) as stream:
        pq.write_table(table, stream)


def _table(report: Report) -> pa.Table:
    import pyarrow as pa

    # Named, because a column of nulls alone would else have no type, and two runs' tables would not join.
    types = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(_COUNTS, pa.int64())
    types |= {"ran": pa.bool_(), "utilization": pa.float64()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns(report).items()}
    about = {name: str(getattr(report, name)) for name in ABOUT}
    return pa.table(arrays).replace_schema_metadata(about)


def _flat(op: Mapping[str, Any], stalls: Mapping[str, None]) -> dict[str, Any]:
    """One op with its stalls as columns, zero where it has none of that cause, and lists as JSON texts."""
    row: dict[str, Any] = {}
    for key, value in op.items():
        if key == "stall_cycles":
            row |= {f"stall_{name}": value.get(name, 0) for name in stalls}
        else:
            row[key] = json.dumps(value) if isinstance(value, (list, dict)) else value
    return row

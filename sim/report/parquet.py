"""The ops of a report as one table, in Apache Parquet: a row for each op that ran, then each that did not.

Columns are the keys of an op in the JSON. Those that are mappings are spread: ``stall_<cause>``,
``multiplier_cycles_<name>``, ``dram_<tensor>_read_bytes`` and so on. ``ran`` tells the two kinds of rows
apart; columns that a row has no value for are null. The file's metadata names the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report.contract import Report
from tandemsim.sim.shell.files import written

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = ("schema", "workload", "machine", "preset", "config_digest", "trace_digest", "version")
_TEXTS = ("name", "kind", "reason")
_COUNTS = ("start_cycle", "cycles", "compute_cycles", "macs", "tiles", "dram_read_bytes", "dram_write_bytes")


def columns(report: Report) -> dict[str, list[Any]]:
    """Return the table as columns of plain values, all of one length."""
    document = report.as_dict()
    spread = [_spread(op) for op in document["ops"]]
    counted = dict.fromkeys(name for _, counts in spread for name in counts)
    rows = [_plain(op) | {name: counts.get(name, 0) for name in counted} for op, counts in spread]
    rows = [row | {"ran": True} for row in rows] + [op | {"ran": False} for op in document["not_run"]]
    names = dict.fromkeys([*_TEXTS, "ran", *_COUNTS, "utilization", *(name for row in rows for name in row)])
    return {name: [row.get(name) for row in rows] for name in names}


def write_table(path: str | Path, report: Report) -> None:
    """Write the table to `path`. Raises `FileError`."""
    import pyarrow.parquet as pq  # here, because only --out needs it, and it takes a third of a second

    table = ops_table(report)
    with written(path) as stream:
        pq.write_table(table, stream)


def ops_table(report: Report) -> pa.Table:
    """Return the table; its metadata are `ABOUT` the run."""
    import pyarrow as pa

    # Named, because a column of nulls alone would else have no type, and two runs' tables would not join.
    types = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(_COUNTS, pa.int64())
    types |= {"ran": pa.bool_(), "utilization": pa.float64()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns(report).items()}
    about = {name: str(getattr(report, name)) for name in ABOUT}
    return pa.table(arrays).replace_schema_metadata(about)


def _spread(op: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """Take the counts by name out of an op; return both. A name that an op lacks counts as 0."""
    counts = {f"stall_{name}": value for name, value in op.pop("stall_cycles").items()}
    account = op.pop("multiplier_cycles")
    counts |= {f"multiplier_cycles_{name}": value for name, value in account.items()}
    for tensor, traffic in op.pop("dram_tensors").items():
        counts |= {f"dram_{tensor}_{name}": value for name, value in traffic.items()}
    return op, counts


def _plain(op: Mapping[str, Any]) -> dict[str, Any]:
    """One op with lists and mappings as JSON texts."""
    return {key: json.dumps(value) if isinstance(value, (list, dict)) else value for key, value in op.items()}

"""A comparison as flat rows: one for each run, of plain values, for a DataFrame and for Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tandemsim.sim.comparison.document import SCHEMA, run_entries
from tandemsim.sim.comparison.metrics import STALL, causes
from tandemsim.sim.comparison.runs import Runs
from tandemsim.sim.shell.files import written

_NESTED = ("settings", "stall_cycles", "energy_parts_pj", "best", "ratios")


def rows_of(runs: Runs) -> list[dict[str, Any]]:
    """Return a dict for each run, all with the same keys in the same order.

    Keys are those of a run in the JSON. Mappings are spread: ``stall_<cause>`` in cycles,
    ``energy_<part>_pj`` in pJ, ``ratio_<metric>`` (None where there is none) and ``best_<metric>`` (a bool);
    ``settings`` is JSON.
    """
    known = causes(runs.reports)
    rows = []
    for entry in run_entries(runs):
        row = {name: getattr(entry, name) for name in entry.__struct_fields__ if name not in _NESTED}
        row["settings"] = json.dumps(entry.settings)
        row |= {f"{STALL}{cause}": entry.stall_cycles.get(cause, 0) for cause in known}
        row |= {f"energy_{part}_pj": spent for part, spent in entry.energy_parts_pj.items()}
        row |= {f"ratio_{key}": ratio for key, ratio in entry.ratios.items()}
        row |= {f"best_{metric.key}": metric.key in entry.best for metric in runs.metrics}
        rows.append(row)
    return rows


def write_rows(path: str | Path, runs: Runs) -> None:
    """Write the rows as Apache Parquet to `path`. Raises `FileError`."""
    import pyarrow as pa  # here, because only --out needs it, and it takes a third of a second
    import pyarrow.parquet as pq

    rows = rows_of(runs)
    # Named, because a column of nulls alone would else have no type, and two comparisons would not join.
    types = {name: pa.float64() for name in rows[0] if name.startswith("area_") or name.startswith("ratio_")}
    arrays = {name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]}
    table = pa.table(arrays).replace_schema_metadata({"schema": SCHEMA})
    with written(path) as stream:
        pq.write_table(table, stream)

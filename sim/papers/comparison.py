"""Published figures beside ours, as rows, JSON and a table: what ``python -m sim reproduce`` shows.

A row is one comparison with the reason of its gap. `document` makes the JSON (schema ``tandem-reproduce/1``),
`print_table` the text; a `Paper` has a folder of its own: `sim.papers.salo`, `sim.papers.ant`.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from rich.console import Console
from rich.table import Table

from tandemsim.sim.papers.cpu_baseline import CpuBaseline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "tandem-reproduce/1"
WITH_REASONS = 120  # columns from which the reasons fit beside the figures; else they stand below the table
TEXT_WIDTH = 150  # columns, where neither a terminal nor COLUMNS says how wide it is
COUNTED = ("cycles", "tiles")  # units that the name of a figure already says
# Column of the table -> the field of a row; a column that no row fills is left out.
COLUMNS = {name: name.replace(" ", "_") for name in ("paper", "cost model", "ours", "gap", "step")}
WHOLE = (*COUNTED, "MHz")  # units of figures that are integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison. A figure that nobody states, or that we do not reproduce, is None."""

    workload: str
    figure: str
    unit: str
    paper: float | None = None  # read in the paper or its artifact, never recalled
    cost_model: float | None = None  # of the authors, re-implemented
    ours: float | None = None
    half: float | None = None  # of the 95 % interval of ours, where random numbers are in it
    gap: float | None = None  # ours / cost_model - 1; ours / paper - 1 where the model says nothing
    step: float | None = None  # in a ladder: the change against the figure that it starts from
    reason: str
    source: str


class Ours(Protocol):
    """A run of one workload of the paper: ``ours("vil-1", "salo", {"array.rows": "16"})``.

    Returns ``cycles``, ``compute_cycles``, ``utilization``, ``seconds`` and ``energy_pj`` of what ran, and
    ``tiles`` of the first op; of a paper whose runs are long the first five, or nothing where it was not run.
    """

    def __call__(
        self,
        workload: str,
        preset: str,
        settings: Mapping[str, str],
        bits: str | None = None,
        batch: int = 1,
    ) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper whose figures stand beside ours."""

    title: str
    machine: str  # ours, that runs its workloads
    # Its name -> trace, and which of the ops that the machine runs; None is all of them.
    workloads: Mapping[str, tuple[str, int | None]]
    rows: Callable[[Ours, CpuBaseline | str], list[Row]]  # of the runs and of `measure_cpu`
    measures_cpu: bool = False  # whether the rows ask what this machine's CPU takes
    is_long: bool = False  # whether its runs take minutes, and are made several at once
    # The paper's own chart: of its cost model, and of the rows for our machine.
    chart: Callable[[Sequence[Row]], Figure] | None = None


def document(paper: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the comparison with `paper` as JSON values."""
    return {"schema": SCHEMA, "paper": paper, "rows": [dataclasses.asdict(row) for row in rows]}


def print_table(title: str, rows: Sequence[Row], stream: TextIO, width: int | None = None) -> None:
    """Print the rows as a table, a section for each workload; reasons below it where they do not fit.

    A reason that a section has given already is not repeated.
    """
    width = width or (None if stream.isatty() else _asked_width())
    console = Console(file=stream, width=width, highlight=False, markup=False)
    table = Table(title=title, title_justify="left", pad_edge=False)
    table.add_column("figure", min_width=22)
    shown = [name for name, field in COLUMNS.items() if any(getattr(row, field) is not None for row in rows)]
    for column in shown:
        table.add_column(column, justify="right", no_wrap=True)
    beside = console.width >= WITH_REASONS
    if beside:
        table.add_column("reason", min_width=30)
    section = None
    given: set[str] = set()
    reasons: list[tuple[str, str, str]] = []
    for row in rows:
        if row.workload != section:
            section = row.workload
            given = set()
            table.add_section()
            table.add_row(section, style="bold")
        reason = "" if row.reason in given else row.reason
        given.add(reason)
        of_row = _cells(row)
        cells = [of_row["figure"], *(of_row[name] for name in shown)]
        table.add_row(*cells, reason) if beside else table.add_row(*cells)
        if not beside and reason:
            reasons.append((row.workload, row.figure, reason))
    console.print(table)
    for workload, figure, reason in reasons:
        console.print(f"{workload}, {figure}: {reason}")


def _asked_width() -> int:
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if re.fullmatch("[1-9][0-9]{0,4}", asked) else TEXT_WIDTH


def _cells(row: Row) -> dict[str, str]:
    half = "" if row.half is None else f" ± {_shown(row.half, row.unit)}"
    gap = "" if row.gap is None else f"{100 * row.gap:+.1f} %"
    step = "" if row.step is None else f"{row.step:+,.0f}"
    unit = f" ({row.unit})" if row.unit and row.unit not in COUNTED else ""
    return {
        "figure": f"  {row.figure}{unit}",
        "paper": _stated(row.paper),
        "cost model": _shown(row.cost_model, row.unit),
        "ours": f"{_shown(row.ours, row.unit)}{half}",
        "gap": gap,
        "step": step,
    }


def _stated(value: float | None) -> str:
    """A published figure has the digits that were published."""
    return "" if value is None else f"{value:,.10g}"


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit in WHOLE:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"

"""A sweep as one HTML page that needs nothing else: its fronts as plots and tables, and what did not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report import plot_style
from tandemsim.sim.report.pages import rendered
from tandemsim.sim.sweep import plot
from tandemsim.sim.sweep.fronts import Front, counted, ending, listed, reasons
from tandemsim.sim.sweep.point_run import STATUSES
from tandemsim.sim.sweep.study import Study

if TYPE_CHECKING:
    import pyarrow as pa

TEMPLATE = "sweep.html"
FRAGMENT = "sweep_tables.html"
PACKAGE = "tandemsim.sim.sweep"
MAX_FRONTS = 24  # on a page that a browser still shows at once
MAX_ROWS = 200  # of a front
MAX_REASONS = 50


def sweep_html(study: Study, table: pa.Table, excluded: int, fronts: Sequence[Front]) -> str:
    """Return the page."""
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    values = {
        "name": study.name,
        "counts": [(status, f"{_count(table, status):,}") for status in STATUSES],
        "constraints": [constraint.text for constraint in study.constraints],
        "tables": rendered(FRAGMENT, _tables(study, table, excluded, fronts, plots=True), PACKAGE),
        "digest": about["study"],
        "version": about["version"],
    }
    return rendered(TEMPLATE, values, PACKAGE)


def tables_html(study: Study, table: pa.Table, excluded: int, fronts: Sequence[Front]) -> str:
    """Return the tables alone, for a notebook."""
    return rendered(FRAGMENT, _tables(study, table, excluded, fronts, plots=False), PACKAGE)


def _tables(
    study: Study, table: pa.Table, excluded: int, fronts: Sequence[Front], plots: bool
) -> dict[str, Any]:
    told = reasons(table)
    return {
        "ending": ending(table, excluded),
        "objectives": listed(study.pareto),
        "fronts": [_front(front, number, plots) for number, front in enumerate(fronts[:MAX_FRONTS])],
        "more_fronts": _more(len(fronts) - MAX_FRONTS, "more workload"),
        "reasons": [(status, f"{count:,}", reason) for status, reason, count in told[:MAX_REASONS]],
        "more_reasons": _more(len(told) - MAX_REASONS, "more reason"),
    }


def _more(count: int, noun: str) -> str:
    return counted(count, noun) if count > 0 else ""


def _count(table: pa.Table, status: str) -> int:
    return sum(found == status for found in table["status"].to_pylist())


def _front(front: Front, number: int, plots: bool) -> dict[str, Any]:
    rows = [
        [str(front.points[place]), *settings, *front.texts(place)]
        for place, settings in zip(front.best[:MAX_ROWS], front.settings, strict=False)
    ]
    return {
        "title": front.title,
        "best": f"{len(front.best):,}",
        "points": counted(len(front.points), "point"),
        "heads": ["point", *front.keys, *front.objectives],
        "rows": rows,
        "more": f"{len(front.best) - MAX_ROWS:,}" if len(front.best) > MAX_ROWS else "",
        "svg": plot_style.svg(plot.draw([front], front.title), f"front{number}") if plots else "",
    }

"""A sweep for the terminal: how its points ended, why some did not run, and the Pareto fronts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from tandemsim.sim.report.layout import table, wrapped
from tandemsim.sim.sweep.fronts import MAX_REASONS, Front, counted, ending, fronts_of_study, listed, reasons
from tandemsim.sim.sweep.result import SweepResult

MAX_WIDTH = 100
MIN_WIDTH = 72
MAX_FRONTS = 8  # that a screen or two hold
MAX_ROWS = 20  # of a front
INDENT = "  "


def result_text(result: SweepResult, width: int | None = None) -> str:
    """Return the text, as wide as the terminal allows unless `width` says otherwise."""
    columns = shutil.get_terminal_size((MAX_WIDTH, 0)).columns if width is None else width
    return "\n".join(_lines(result, min(max(columns, MIN_WIDTH), MAX_WIDTH))) + "\n"


def _lines(result: SweepResult, width: int) -> Iterator[str]:
    yield from wrapped(f"{result.study.name}, {ending(result.table, result.excluded)}", width)
    told = reasons(result.table)
    if told:
        yield ""
        rows = [[f"{INDENT}{status}", f"{count:,}", reason] for status, reason, count in told[:MAX_REASONS]]
        yield from table(rows, "<><", width)
        if len(told) > MAX_REASONS:
            yield f"{INDENT}and {counted(len(told) - MAX_REASONS, 'more reason')}; points.parquet has all"
    fronts = [front for front in fronts_of_study(result.study, result.table) if front.best]
    for front in fronts[:MAX_FRONTS]:
        yield ""
        yield from _front_lines(front, width)
    if len(fronts) > MAX_FRONTS:
        yield ""
        more = f"and the fronts of {counted(len(fronts) - MAX_FRONTS, 'more workload')}"
        yield f"{more}; on_front in points.parquet has all"


def _front_lines(front: Front, width: int) -> Iterator[str]:
    count = f"{len(front.best):,} of {counted(len(front.points), 'point')}"
    yield from wrapped(f"Pareto front of {listed(front.objectives)}: {count} of {front.title}", width)
    rows = [["point", *front.keys, *front.objectives]]
    rows += [
        [str(front.points[place]), *settings, *front.texts(place)]
        for place, settings in zip(front.best[:MAX_ROWS], front.settings, strict=False)
    ]
    rows = [[f"{INDENT}{first}", *rest] for first, *rest in rows]
    yield from table(rows, ">" * len(rows[0]), width)
    if len(front.best) > MAX_ROWS:
        yield f"{INDENT}and {len(front.best) - MAX_ROWS:,} more; on_front in points.parquet has all"

"""What a sweep shows of its table, on a terminal and on a page: how its points ended, and the fronts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandemsim.sim.pattern_trace import OPTIONS
from tandemsim.sim.report.format import PJ, percent, si
from tandemsim.sim.sweep.point_run import OK, STATUSES
from tandemsim.sim.sweep.sections import OBJECTIVES
from tandemsim.sim.sweep.study import Study

if TYPE_CHECKING:
    import pyarrow as pa

WORK = ("pattern", *OPTIONS, "only", "batch")  # keys that say what is run
MAX_REASONS = 8  # that are shown; the table has all


@dataclass(frozen=True)
class Front:
    """The points of one piece of work, and which of them no other beats."""

    title: str
    objectives: tuple[str, ...]
    keys: tuple[str, ...]  # of the study, that differ between points
    values: tuple[tuple[float, ...], ...]  # by point, then by objective; only of points that have them all
    points: tuple[int, ...]  # numbers of those points
    best: tuple[int, ...]  # places in `points`, by the first objective
    settings: tuple[tuple[str, ...], ...]  # of the best, by key

    def texts(self, place: int) -> list[str]:
        """Return the objectives of the point at `place` as people read them."""
        return [said(name, value) for name, value in zip(self.objectives, self.values[place], strict=True)]


def said(objective: str, value: float) -> str:
    """Return the value of an objective with its unit."""
    if objective == "cycles":
        return f"{value:,}"
    if objective == "time":
        return si(value, "s")
    if objective == "area":
        return f"{value:.3g} mm²"
    return si(value * PJ, "J") if objective == "energy" else si(value, "B")


def fronts_of_study(study: Study, table: pa.Table) -> list[Front]:
    """Return the fronts, those of more points first."""
    from tandemsim.sim.sweep.table import groups_of

    wanted = {*study.places, *WORK, "point", "workload", "macs_share", "on_front"}
    wanted |= {OBJECTIVES[name] for name in study.pareto}
    columns = {name: table[name].to_pylist() for name in table.column_names if name in wanted}
    keys = tuple(key for key in study.places if key not in (*WORK, "workload") and len(set(columns[key])) > 1)
    groups = list(groups_of(table).values())
    titles = _titles(study, columns, groups)
    fronts = [_front(study, columns, keys, rows, title) for rows, title in zip(groups, titles, strict=True)]
    return sorted(fronts, key=lambda front: -len(front.points))


def _front(
    study: Study, columns: dict[str, list[Any]], keys: tuple[str, ...], rows: list[int], title: str
) -> Front:
    objectives = [columns[OBJECTIVES[name]] for name in study.pareto]
    known = [row for row in rows if all(column[row] is not None for column in objectives)]
    values = tuple(tuple(column[row] for column in objectives) for row in known)
    best = [place for place, row in enumerate(known) if columns["on_front"][row]]
    best.sort(key=lambda place: values[place])
    return Front(
        title=title,
        objectives=study.pareto,
        keys=keys,
        values=values,
        points=tuple(columns["point"][row] for row in known),
        best=tuple(best),
        settings=tuple(tuple(_plain(columns[key][known[place]]) for key in keys) for place in best),
    )


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _titles(study: Study, columns: dict[str, list[Any]], groups: list[list[int]]) -> list[str]:
    """Name each group by its workload, and by what else tells it from the others."""
    keys = [key for key in WORK if key in study.places and key != "pattern" and len(set(columns[key])) > 1]
    titles = []
    for rows in groups:
        first = rows[0]
        parts = [str(columns["workload"][first])]
        parts += [f"{key} {_plain(columns[key][first])}" for key in keys if columns[key][first] is not None]
        share = columns["macs_share"][first]
        parts += [f"{percent(share, 1)} of its MACs"] if share < 1 else []
        titles.append(", ".join(parts))
    return titles


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: ``cycles, energy and area``."""
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, noun: str) -> str:
    """Return a number and its noun: ``1 point``, ``2 points``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ending(table: pa.Table, excluded: int) -> str:
    """Say in one sentence how many points ended how."""
    counts = Counter(table["status"].to_pylist())
    parts = [f"{counts[status]:,} {status}" for status in STATUSES if counts[status]]
    left = f"; constraints exclude {counted(excluded, 'more combination')}" if excluded else ""
    return f"{counted(table.num_rows, 'point')}: {', '.join(parts)}{left}"


def reasons(table: pa.Table) -> list[tuple[str, str, int]]:
    """Return (status, reason, points) of what did not run, the most frequent first."""
    pairs = zip(table["status"].to_pylist(), table["reason"].to_pylist(), strict=True)
    counts = Counter(pair for pair in pairs if pair[0] != OK)
    return [
        (status, reason, count)
        for (status, reason), count in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    ]

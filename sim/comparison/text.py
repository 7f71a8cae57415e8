"""A comparison for the terminal: at most 100 columns, a table for each workload and scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tandemsim.sim.comparison.differences import ABSENT, differences_of
from tandemsim.sim.comparison.metrics import AREA, CYCLES, DRAM, ENERGY, SECONDS, STALLED, UTILIZATION, Metric
from tandemsim.sim.comparison.runs import Group, Runs, Section
from tandemsim.sim.comparison.words import (
    SPEEDUP,
    alone_sentence,
    apart_sentence,
    best_sentence,
    clocks_sentence,
    factor,
    heading,
)
from tandemsim.sim.report.format import plain, width_of
from tandemsim.sim.report.layout import table, wrapped
from tandemsim.sim.report.text import INDENT, MAX_WIDTH, MIN_WIDTH, ran_sentence

MARK = "*"
UNKNOWN = "-"  # also a ratio that there is none of
TIMES = (CYCLES, SECONDS, UTILIZATION, DRAM, ENERGY, AREA)
CAUSES_IN_A_TABLE = 6
MAX_FIELDS = 16  # lines of what differs; half a screen
FEW_FIELDS = 6  # of them, in a sentence, where the table is too wide
MUCH = 10**6  # columns, for a table as wide as it will
LISTED = "--out and --json list them all"


def comparison_text(runs: Runs, width: int = MAX_WIDTH) -> str:
    """Return the comparison as text of at most `width` columns, though never narrower than `MIN_WIDTH`."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    blocks = [[*wrapped(heading(runs), width), "─" * width]]
    for section in runs.sections:
        blocks += _section(runs, section, width)
    blocks += [wrapped(best_sentence(MARK), width), wrapped(f"speedup: {SPEEDUP}.", width)]
    blocks += [_differences(runs, width)]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _section(runs: Runs, section: Section, width: int) -> Iterator[list[str]]:
    first = section.groups[0]
    for group in section.groups:
        said = ran_sentence(runs.reports[group.runs[0]])
        apart = apart_sentence(runs, first, group) if group.apart else ""
        notes = [
            line for text in (said, apart, clocks_sentence(runs, group)) for line in wrapped(text, width)
        ]
        yield [*wrapped(section.workload, width), *notes]
        speedups = [_speedup(runs, group, place) for place in group.runs]
        yield _table(runs, group, "run", TIMES, width, ("speedup", speedups))
        stalls = [metric for metric in runs.metrics if metric.word == STALLED.word and metric is not STALLED]
        stalls = [m for m in stalls if any(m.value(runs.reports[place]) for place in group.runs)]
        for start in range(0, max(len(stalls), 1), CAUSES_IN_A_TABLE):
            some = stalls[start : start + CAUSES_IN_A_TABLE]
            yield _table(runs, group, "stall cycles", [*([] if start else [STALLED]), *some], width)
        yield wrapped(alone_sentence(runs, group), width)


def _speedup(runs: Runs, group: Group, place: int) -> str:
    ratio = runs.ratio_or_none(SECONDS.key, group.runs[0], place)
    return factor(ratio) if ratio is not None and len(group.runs) > 1 else UNKNOWN


def _table(
    runs: Runs,
    group: Group,
    title: str,
    metrics: Iterable[Metric],
    width: int,
    more: tuple[str, list[str]] | None = None,
) -> list[str]:
    """A row for each run of the group and a column for each metric; `more` is a column after the second."""
    columns = [[metric.title + " ", *_marked(runs, group, metric)] for metric in metrics]
    if more is not None:
        columns.insert(2, [more[0], *more[1]])
    names = [title, *(INDENT + runs.labels[place] for place in group.runs)]
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    return table(rows, "<" + ">" * len(columns), width)


def _marked(runs: Runs, group: Group, metric: Metric) -> Iterator[str]:
    """The figures of one metric, with a mark at the best, or as much room."""
    best = runs.best(metric)
    for place in group.runs:
        value = metric.value(runs.reports[place])
        shown = UNKNOWN if value is None else metric.shown(value)
        yield shown + (MARK if place in best else " ")


def _differences(runs: Runs, width: int) -> list[str]:
    """The fields that differ, where there is room for them, and how many do not."""
    found = differences_of(runs)
    count = f"{found.equal:,} config fields are equal in all runs"
    if not found.fields:
        return [f"{count}, and none differs."]
    rows = [["config fields that differ", *(column.heading for column in found.columns)]]
    rows += [[INDENT + field.field, *map(_said, field.values)] for field in found.fields[:MAX_FIELDS]]
    lines = table(rows, "<" + ">" * len(found.columns), MUCH)
    if max(map(width_of, lines)) > width:
        named = ", ".join(field.field for field in found.fields[:FEW_FIELDS])
        more = len(found.fields) - FEW_FIELDS
        listed = f"{named} and {more:,} more ({LISTED})" if more > 0 else named
        return wrapped(f"{count}. Those that differ: {listed}.", width)
    more = len(found.fields) - MAX_FIELDS
    left_out = [f"{INDENT}and {more:,} more; {LISTED}"] if more > 0 else []
    return [*lines, *left_out, f"{count}."]


def _said(value: object) -> str:
    return UNKNOWN if value is ABSENT else plain(value)

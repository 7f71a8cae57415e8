"""A comparison for the terminal: at most 100 columns, a table for each workload and scope."""

from __future__ import annotations

from collections.abc import Iterator

from tandemsim.sim.comparison.differences import ABSENT, differences_of
from tandemsim.sim.comparison.metrics import AREA, CYCLES, DRAM, ENERGY, SECONDS, STALLED, UTILIZATION, Metric
from tandemsim.sim.comparison.runs import Group, Runs, Section
from tandemsim.sim.comparison.words import (
    SPEEDUP,
    alone_sentence,
    apart_sentence,
    best_sentence,
    clocks_sentence,
    equal_sentence,
    factor,
    heading,
    shared_sentence,
)
from tandemsim.sim.report.format import plain, width_of
from tandemsim.sim.report.layout import GAP, MIN_CELL, table, wrapped
from tandemsim.sim.report.text import INDENT, MAX_WIDTH, MIN_WIDTH, ran_sentence

MARK = "*"
UNKNOWN = "-"  # also a ratio that there is none of
TIMES = (CYCLES, SECONDS, UTILIZATION, DRAM, ENERGY, AREA)
LABEL_WIDTH = 40  # of longer labels the middle is left out
MAX_FIELDS = 16  # lines of what differs; half a screen
FEW_FIELDS = 6  # of them, in a sentence, where the table is too wide
MUCH = 10**6  # columns, for a table as wide as it will
LISTED = "--out and --json list them all"


def comparison_text(runs: Runs, width: int = MAX_WIDTH) -> str:
    """Return the comparison as text of at most `width` columns, though never narrower than `MIN_WIDTH`."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    blocks = [[*wrapped(heading(runs), width), "─" * width, *wrapped(shared_sentence(runs), width)]]
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
        figures = [_column(runs, group, metric) for metric in TIMES]
        figures.insert(2, ["speedup", *(_speedup(runs, group, place) for place in group.runs)])
        yield from _tables("run", runs, group, figures, width)
        stalls = [metric for metric in runs.metrics if metric.word == STALLED.word]
        stalls = [m for m in stalls if m is STALLED or any(m.value(runs.reports[p]) for p in group.runs)]
        columns = [_column(runs, group, metric) for metric in stalls]
        yield from _tables("stall cycles", runs, group, columns, width)
        yield wrapped(alone_sentence(runs, group), width)


def _speedup(runs: Runs, group: Group, place: int) -> str:
    ratio = runs.ratio_or_none(SECONDS.key, group.runs[0], place)
    return factor(ratio) if ratio is not None and len(group.runs) > 1 else UNKNOWN


def _column(runs: Runs, group: Group, metric: Metric) -> list[str]:
    """The heading and figures of one metric, with a mark at the best, or as much room."""
    best = runs.best(metric)
    cells = [f"{metric.title} "]
    for place in group.runs:
        value = metric.value(runs.reports[place])
        shown = UNKNOWN if value is None else metric.shown(value)
        cells.append(shown + (MARK if place in best else " "))
    return cells


def _tables(
    title: str, runs: Runs, group: Group, columns: list[list[str]], width: int
) -> Iterator[list[str]]:
    """A row for each run of the group; columns that do not fit beside the labels go to a further table."""
    names = [title, *(INDENT + runs.labels[place] for place in group.runs)]
    room = width - max(min(max(map(width_of, names)), LABEL_WIDTH), MIN_CELL)
    some: list[list[str]] = []
    for column in columns:
        needed = sum(max(map(width_of, cells)) + GAP for cells in [*some, column])
        if some and needed > room:
            yield _laid(names, some, width)
            some = []
        some.append(column)
    yield _laid(names, some, width)


def _laid(names: list[str], columns: list[list[str]], width: int) -> list[str]:
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    return table(rows, "<" + ">" * len(columns), width)


def _differences(runs: Runs, width: int) -> list[str]:
    """The fields that differ, where there is room for them, and how many do not."""
    differences = differences_of(runs)
    count = equal_sentence(differences.equal)
    if not differences.fields:
        return [f"{count}, and none differs."]
    rows = [["config fields that differ", *(column.heading for column in differences.columns)]]
    rows += [[INDENT + field.field, *map(_said, field.values)] for field in differences.fields[:MAX_FIELDS]]
    lines = table(rows, "<" + ">" * len(differences.columns), MUCH)
    if max(map(width_of, lines)) > width:
        named = ", ".join(field.field for field in differences.fields[:FEW_FIELDS])
        more = len(differences.fields) - FEW_FIELDS
        listed = f"{named} and {more:,} more ({LISTED})" if more > 0 else named
        return wrapped(f"{count}. Those that differ: {listed}.", width)
    more = len(differences.fields) - MAX_FIELDS
    left_out = [f"{INDENT}and {more:,} more; {LISTED}"] if more > 0 else []
    return [*lines, *left_out, f"{count}."]


def _said(value: object) -> str:
    return UNKNOWN if value is ABSENT else plain(value)

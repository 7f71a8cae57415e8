"""A comparison as one HTML page that needs nothing else, in the look of a report's page: light and dark.

The page is ``templates/comparison.html``; what it shows is put into words here, so that the template only
lays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tandemsim.sim.comparison.differences import ABSENT, differences_of
from tandemsim.sim.comparison.metrics import causes
from tandemsim.sim.comparison.ops import op_rows
from tandemsim.sim.comparison.page_rows import figures_of
from tandemsim.sim.comparison.runs import Group, Runs, Section
from tandemsim.sim.comparison.words import (
    SPEEDUP,
    alone_sentence,
    apart_sentence,
    best_sentence,
    clocks_sentence,
    equal_sentence,
    heading,
    shared_sentence,
)
from tandemsim.sim.report import plot_style
from tandemsim.sim.report.config import Setting
from tandemsim.sim.report.format import plain, title
from tandemsim.sim.report.glossary import cycles_word
from tandemsim.sim.report.pages import rendered
from tandemsim.sim.report.text import ran_sentence
from tandemsim.sim.shell.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = "tandemsim.sim.comparison"
MARK = "★"

# What each figure shows, in the order of the page.
CAPTIONS = {
    "cycles": (
        "Where the cycles went",
        "A bar for each run. Runs that may be measured against each other share an axis.",
    ),
    "energy": ("Where the energy went", "The energy of each run, by the part of the machine that spent it."),
}


def comparison_html(runs: Runs, figures: Mapping[str, Figure]) -> str:
    """Return the page. `figures` are those of `plots.draw`; the call takes their titles away."""
    values = _shown(runs)
    values["figures"] = [
        {"heading": said, "caption": caption, "svg": plot_style.svg(figures[name], name)}
        for name, (said, caption) in CAPTIONS.items()
        if name in figures
    ]
    return rendered("comparison.html", values, HERE)


def comparison_fragment(runs: Runs) -> str:
    """Return the tables alone, as an element to stand in a notebook."""
    return rendered("comparison_fragment.html", _shown(runs), HERE)


def _shown(runs: Runs) -> dict[str, Any]:
    """Everything that the templates show, as texts, and lengths of bars in percent."""
    css = plot_style.CSS
    colors = {"compute": css[plot_style.COMPUTE]}
    colors |= {name: css[color] for name, color in plot_style.colors(causes(runs.reports)).items()}
    different = differences_of(runs)
    return {
        "heading": heading(runs),
        "version": __version__,
        "shared": shared_sentence(runs),
        "mark": MARK,
        "best": best_sentence(MARK),
        "speedup": SPEEDUP,
        "sections": [_section(runs, section, colors) for section in runs.sections],
        "columns": [column.heading for column in different.columns],
        "differences": [
            {
                "pieces": Setting(field.field, "", False, True).pieces,
                "values": ["—" if value is ABSENT else plain(value) for value in field.values],
            }
            for field in different.fields
        ],
        "equal": equal_sentence(different.equal),
        "notes": list(_notes(runs)),
        "runs": [
            {
                "name": name,
                "machine": report.machine,
                "preset": report.preset,
                "settings": report.settings_text,
                "config": report.config_digest,
                "trace": report.trace_digest,
                "version": report.version,
            }
            for name, report in zip(runs.names, runs.reports, strict=True)
        ],
    }


def _section(runs: Runs, section: Section, colors: Mapping[str, str]) -> dict[str, Any]:
    stalled = {
        name for place in section.runs for name, count in runs.reports[place].stall_cycles.items() if count
    }
    return {
        "workload": section.workload,
        "groups": [_group(runs, section, group, colors) for group in section.groups],
        "legend": [
            {"name": title(name), "color": color, "meaning": cycles_word(name).meaning}
            for name, color in colors.items()
            if name == "compute" or name in stalled
        ],
        "labels": [runs.labels[place] for place in section.runs],
        "ops": list(_ops(runs, section)),
    }


def _group(runs: Runs, section: Section, group: Group, colors: Mapping[str, str]) -> dict[str, Any]:
    sentences = [
        apart_sentence(runs, section.groups[0], group) if group.apart else "",
        alone_sentence(runs, group),
        clocks_sentence(runs, group),
    ]
    longest = max(runs.reports[place].cycles for place in group.runs) or 1
    return {
        "sentence": ran_sentence(runs.reports[group.runs[0]]),
        "told": [text for text in sentences if text],
        "labels": [runs.labels[place] for place in group.runs],
        "bars": [list(_bar(runs, place, longest, colors)) for place in group.runs],
        "figures": list(figures_of(runs, group)),
    }


def _bar(runs: Runs, place: int, longest: int, colors: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Compute and stalls of one run, as shares of the longest run of its group."""
    report = runs.reports[place]
    for name, count in {"compute": report.compute_cycles, **report.stall_cycles}.items():
        if count:
            length = f"{100 * count / longest:.3f}"
            yield {"color": colors[name], "length": length, "told": f"{title(name)}: {count:,} cycles"}


def _ops(runs: Runs, section: Section) -> Iterator[dict[str, Any]]:
    for row in op_rows(runs, section):
        yield {
            "name": row.name,
            "kind": row.kind,
            "count": f"{max(len(cell.ops) for cell in row.cells if cell is not None):,}",
            "cells": [
                None
                if cell is None
                else {
                    "cycles": cell.cycles_each,
                    "utilization": f"{cell.utilization:.3f}",
                    "best": place in row.best,
                }
                for place, cell in enumerate(row.cells)
            ],
        }


def _notes(runs: Runs) -> Iterator[tuple[str, str]]:
    """Each note once, and the runs that it is about; no runs where it is about all."""
    places: dict[str, list[int]] = {}
    for place, report in enumerate(runs.reports):
        for note in report.notes:
            places.setdefault(note, []).append(place)
    for note, about in places.items():
        yield note, _listed(runs.names[place] for place in about) if len(about) < len(runs.names) else ""


def _listed(names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(names))

"""What a notebook shows of a report: its figures, where the cycles went, and the roofline.

It needs nothing from anywhere and is at home in pages that are not ours: its styles are those of one element
alone, it brings its own background, and its ids differ from one report to the next.
"""

from __future__ import annotations

from tandemsim.sim.report import plot_style
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.html import cycles_colors, cycles_parts, tiles
from tandemsim.sim.report.pages import rendered
from tandemsim.sim.report.plot_roofline import roofline
from tandemsim.sim.report.text import ran_sentence

TEMPLATE = "notebook.html"
ID_DIGITS = 12  # of the digests: enough to tell the reports of one notebook apart


def notebook_html(report: Report) -> str:
    """Return the report as a fragment of HTML, without a script."""
    with plot_style.style():
        figure = roofline(report)
    own = f"roofline-{report.trace_digest[:ID_DIGITS]}-{report.config_digest[:ID_DIGITS]}"
    values = {
        "report": report,
        "sentence": ran_sentence(report),
        "tiles": list(tiles(report)),
        "parts": cycles_parts(report, cycles_colors(report)),
        "roofline": plot_style.svg(figure, own) if figure is not None else None,
    }
    return rendered(TEMPLATE, values)

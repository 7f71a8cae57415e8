"""All that ``--out`` writes, as one folder that appears complete or not at all."""

from __future__ import annotations

from pathlib import Path

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.timeline import Timeline, write_timeline
from tandemsim.sim.shell.files import written, written_folder

# What the folder may get; plots that have nothing to show are left out.
PLOTS = ("cycles.png", "multipliers.png", "roofline.png", "utilization.png", "energy.png")
FILES = ("report.json", "report.html", "ops.parquet", "timeline.json.gz", *PLOTS)


def write_json(path: str | Path, report: Report) -> None:
    """Write the report as JSON to `path`; ``-`` is standard output. Raises `FileError`."""
    with written(path) as stream:
        stream.write(report.as_json())


def write_folder(
    folder: str | Path, report: Report, timeline: Timeline | None = None, activity: Activity | None = None
) -> None:
    """Write ``report.json``, ``ops.parquet``, ``timeline.json.gz``, ``report.html`` and its plots as PNG.

    Without `timeline` there is no timeline, without `activity` no plot over time. Raises `FileError`, and
    then leaves the folder as it was.
    """
    # Here, because these bring pyarrow, matplotlib and jinja2, and a run without --out is to start quickly.
    from tandemsim.sim.report import plot_style, plots
    from tandemsim.sim.report.html import report_html
    from tandemsim.sim.report.parquet import write_table

    with written_folder(folder) as place:
        write_json(place / "report.json", report)
        write_table(place / "ops.parquet", report)
        if timeline is not None:
            write_timeline(place / "timeline.json.gz", report, timeline, activity)
        figures = plots.draw(report, activity)
        for name, figure in figures.items():
            (place / f"{name}.png").write_bytes(plot_style.png(figure))
        (place / "report.html").write_text(report_html(report, figures), encoding="utf-8")

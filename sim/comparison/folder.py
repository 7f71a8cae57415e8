"""All that ``--out`` writes of a comparison, as one folder that appears complete or not at all."""

from __future__ import annotations

from pathlib import Path

from tandemsim.sim.comparison.document import as_json
from tandemsim.sim.comparison.runs import Runs
from tandemsim.sim.shell.files import written, written_folder

# What the folder may get; plots that have nothing to show are left out.
FILES = ("comparison.json", "comparison.html", "comparison.parquet", "cycles.png", "energy.png")


def write_json(path: str | Path, runs: Runs) -> None:
    """Write the comparison as JSON to `path`; ``-`` is standard output. Raises `FileError`."""
    with written(path) as stream:
        stream.write(as_json(runs))


def write_folder(folder: str | Path, runs: Runs) -> None:
    """Write ``comparison.json``, ``comparison.html``, ``comparison.parquet`` and the plots as PNG.

    Raises `FileError`, and then leaves the folder as it was.
    """
    # Here, because these bring pyarrow, matplotlib and jinja2, which nothing but --out needs.
    from tandemsim.sim.comparison import plots
    from tandemsim.sim.comparison.page import comparison_html
    from tandemsim.sim.comparison.rows import write_rows
    from tandemsim.sim.report import plot_style

    with written_folder(folder) as place:
        write_json(place / "comparison.json", runs)
        write_rows(place / "comparison.parquet", runs)
        figures = plots.draw(runs)
        for name, figure in figures.items():
            (place / f"{name}.png").write_bytes(plot_style.png(figure))
        (place / "comparison.html").write_text(comparison_html(runs, figures), encoding="utf-8")

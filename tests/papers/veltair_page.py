"""The tables and the picture of docs/veltair.md, made anew: ``make veltair``, minutes on two cores.

A row of a table is found by its first cell, which is the name of a figure, or of what is varied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tandemsim.sim.commands.progress import progress
from tandemsim.sim.commands.veltair_runs import answers
from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.chart import veltair_chart
from tandemsim.sim.papers.veltair.experiments import MIXES, SCENARIOS, whole
from tandemsim.sim.papers.veltair.rows import NEVER, veltair_rows
from tandemsim.sim.report.plot_style import png

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "veltair.md", DOCS / "images" / "veltair.png"
SENSITIVITY = ("layer_wise", "planaria")
Rows = Mapping[tuple[str, str], Row]


def by_figure(rows: Sequence[Row]) -> Rows:
    """Return rows by workload and figure."""
    return {(row.workload, row.figure): row for row in rows}


def cells_of(name: str, rows: Rows) -> list[str] | None:
    """Return what stands behind `name` in a table; None where no row is of that name."""
    if name in SCENARIOS and any(figure.startswith(f"{name}, ") for _, figure in rows):
        keys = [("sensitivity, medium", f"{name}, veltair over {over}") for over in SENSITIVITY]
    elif any(figure == name for _, figure in rows):
        keys = [(mix, name) for mix in MIXES]
    else:
        return None
    return [shown(rows.get(key)) for key in keys]


def shown(row: Row | None) -> str:
    """Return a figure as the page has it."""
    if row is None:
        return "–"
    if row.ours is None:
        return "carries nothing" if row.reason == NEVER else "–"
    if row.unit != "%":
        return f"{row.ours:.4g}"
    return f"{row.ours:+.0f}" + ("" if row.half is None else f" ± {row.half:.0f}")


def split(line: str) -> list[str]:
    """Return the cells of a line of a table; of another line none."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("| ") else []


def rewritten(text: str, rows: Rows) -> str:
    """Return the page with the figures of `rows`."""
    lines = []
    for line in text.splitlines():
        cells = split(line)
        found = cells_of(cells[0], rows) if cells else None
        lines.append(line if found is None else f"| {' | '.join([cells[0], *found])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    with progress(quiet=False, unit="runs") as callback:
        rows = veltair_rows(answers(whole(), None, callback))
    PAGE.write_text(rewritten(PAGE.read_text("utf-8"), by_figure(rows)), "utf-8")
    PICTURE.write_bytes(png(veltair_chart(rows)))


if __name__ == "__main__":
    main()

"""Finished runs compared: what ``tandem compare`` shows, as an object for Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandemsim.sim.comparison import document, rows
from tandemsim.sim.comparison.runs import Runs, runs_of
from tandemsim.sim.comparison.text import comparison_text
from tandemsim.sim.comparison.words import heading
from tandemsim.sim.report.contract import Report


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs side by side. It prints as its table, and shows itself in a notebook."""

    runs: Runs

    def table(self, width: int = 100) -> str:
        """Return the comparison as text of at most `width` columns, as the command prints it."""
        return comparison_text(self.runs, width)

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat dict for each run, all with the same keys: ``pandas.DataFrame(comparison.rows())``.

        Cycles, bytes and MACs are counts; energies are in pJ, times in s, the area in mm².
        """
        return rows.rows_of(self.runs)

    def ratio(self, metric: str, run: int | str, to: int | str = 0) -> float:
        """Return a figure of `run` over that of `to`, each given by its place or its name.

        `metric` is ``cycles``, ``seconds``, ``utilization``, ``stalled_cycles``, ``dram_bytes``,
        ``energy_pj``, ``area_estimate_mm2`` or ``stall_<cause>``. Raises `ComparisonError` for names that do
        not exist, and where the two runs are of different scope: of other work, or of another share of one
        model.
        """
        return self.runs.ratio(metric, run, to)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values, after ``docs/comparison.schema.json``."""
        return document.as_dict(self.runs)

    def as_json(self) -> bytes:
        """Return the comparison as JSON; the same runs give the same bytes."""
        return document.as_json(self.runs)

    def save(self, folder: str | Path) -> None:
        """Write ``comparison.json``, ``.html``, ``.parquet`` and the plots as PNG. Raises `FileError`.

        The folder appears complete or not at all.
        """
        from tandemsim.sim.comparison.folder import write_folder

        write_folder(folder, self.runs)

    def __len__(self) -> int:
        return len(self.runs.reports)

    def __repr__(self) -> str:
        return f"<Comparison: {heading(self.runs)}>"

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from tandemsim.sim.comparison.page import comparison_fragment

        return comparison_fragment(self.runs)


def compare(reports: Iterable[Report], labels: Sequence[str] | None = None) -> Comparison:
    """Compare finished runs, in their order; the first of each scope is what ratios are over.

    Without `labels` each run is named by what is its own: machine, preset, settings, batch, operand widths.
    Raises `ComparisonError` for fewer than 2 runs or more than 64, and for labels that repeat or are too few.
    """
    return Comparison(runs_of(reports, labels))

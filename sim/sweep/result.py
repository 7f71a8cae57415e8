"""What a sweep found, and the folder that it is written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tandemsim.sim.report.format import clean
from tandemsim.sim.shell.files import written_folder
from tandemsim.sim.sweep.fronts import Front, ending, fronts_of_study, listed
from tandemsim.sim.sweep.study import Study

if TYPE_CHECKING:
    import pyarrow as pa

TABLE, PAGE, PLOT = "points.parquet", "pareto.html", "pareto.png"


@dataclass(frozen=True)
class SweepResult:
    """The points of a sweep. `table` is a pyarrow table, a row a point; docs/sweep.md lists its columns."""

    study: Study
    table: pa.Table
    excluded: int  # combinations that a constraint excludes

    def __repr__(self) -> str:
        return f"<SweepResult of {clean(self.study.name)}: {ending(self.table, self.excluded)}>"

    def _repr_html_(self) -> str:
        from tandemsim.sim.sweep.page import tables_html

        return tables_html(self.study, self.table, self.excluded, self.fronts)

    @cached_property
    def fronts(self) -> list[Front]:
        """The Pareto front of each workload that ran."""
        return [front for front in fronts_of_study(self.study, self.table) if front.best]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``points.parquet``, ``pareto.html`` and ``pareto.png``. Raises `FileError`."""
        # Here: these bring pyarrow, matplotlib and jinja2, which processes that run points do without.
        import pyarrow.parquet as pq

        from tandemsim.sim.report import plot_style
        from tandemsim.sim.sweep import plot
        from tandemsim.sim.sweep.page import sweep_html

        page = sweep_html(self.study, self.table, self.excluded, self.fronts)
        with written_folder(os.fspath(folder)) as place:
            pq.write_table(self.table, place / TABLE)
            (place / PAGE).write_text(page, encoding="utf-8")
            if self.fronts:
                title = f"Pareto front of {listed(self.study.pareto)}: {self.study.name}"
                (place / PLOT).write_bytes(plot_style.png(plot.draw(self.fronts, title)))

"""The report that a run answers with: the record of the contract, and the forms in which people want it.

Apart from the record, because each form is made by a module that reads the record. They bring pyarrow,
matplotlib and jinja2, which are imported when a form is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tandemsim.sim.report import contract

if TYPE_CHECKING:
    import pyarrow as pa


class Report(contract.Report):
    """A report with its table of ops, its page for a notebook, and its folder of files."""

    __slots__ = ()

    def ops_table(self) -> pa.Table:
        """Return the ops as a table, that of ``ops.parquet``: a row for each op that ran, then the others."""
        from tandemsim.sim.report.parquet import ops_table

        return ops_table(self)

    def save(self, folder: str | Path) -> None:
        """Write to `folder` what ``--out`` writes, but for what only a run has: timeline, plot over time.

        Raises `FileError`, and then leaves the folder as it was.
        """
        from tandemsim.sim.report.folder import write_folder

        write_folder(folder, self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: figures, where the cycles went, the roofline."""
        from tandemsim.sim.report.notebook import notebook_html

        return notebook_html(self)

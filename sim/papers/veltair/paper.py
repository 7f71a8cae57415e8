"""VELTAIR as a paper that `reproduce` shows: what is asked, the rows and the chart of what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.chart import veltair_chart
from tandemsim.sim.papers.veltair.experiments import Effort, quick, whole
from tandemsim.sim.papers.veltair.found import Found
from tandemsim.sim.papers.veltair.rows import TITLE, veltair_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPaper:
    """A paper whose figures are highest loads of policies."""

    title: str
    whole: Callable[[], Effort]
    quick: Callable[[], Effort]
    rows: Callable[[Found], list[Row]]
    chart: Callable[[Sequence[Row]], Figure]


VELTAIR = ServedPaper(title=TITLE, whole=whole, quick=quick, rows=veltair_rows, chart=veltair_chart)

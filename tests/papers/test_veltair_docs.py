"""docs/veltair.md: its tables are what `reproduce veltair` gives; `TANDEM_ALL_MODELS=1` runs it whole."""

from __future__ import annotations

import os

import pytest

from tandemsim.sim.commands.veltair_runs import answers
from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.experiments import MIXES, VARIED, whole
from tandemsim.sim.papers.veltair.published import GAINS, LATENCY
from tandemsim.sim.papers.veltair.rows import NEVER, veltair_rows
from tests.papers.veltair_page import PAGE, by_figure, cells_of, rewritten, shown, split

TEXT = PAGE.read_text("utf-8")


def row(mix: str, figure: str, ours: float | None, half: float | None = None, reason: str = "r") -> Row:
    return Row(workload=mix, figure=figure, unit="%", ours=ours, half=half, reason=reason, source="s")


def test_the_page_states_the_papers_numbers() -> None:
    assert f"The paper: {', '.join(f'+{GAINS[mix]:.0f}' for mix in MIXES)} %" in TEXT
    assert f"The paper: −{-LATENCY:.0f} %" in TEXT


def test_the_page_has_a_row_for_everything_that_is_varied() -> None:
    names = {cells[0] for line in TEXT.splitlines() if (cells := split(line))}
    assert names >= set(VARIED) - {"version tuned under load", "plan errs 15 %"}


def test_a_table_gets_the_figures_of_its_rows_and_nothing_else_changes() -> None:
    rows = by_figure(
        [row("light", "a gain", 12.4, 1.6), row("medium", "a gain", None, reason=NEVER)]
        + [
            row("sensitivity, medium", f"no stalls, veltair over {o}", 3.0)
            for o in ("layer_wise", "planaria")
        ]
    )
    page = "# T\n\n| a gain | 1 | 2 | 3 |\n| no stalls | 1 | 2 |\n| other | 1 |\n"
    assert rewritten(page, rows) == (
        "# T\n\n| a gain | +12 ± 2 | carries nothing | – |\n| no stalls | +3 | +3 |\n| other | 1 |\n"
    )
    assert cells_of("other", rows) is None and shown(None) == "–"


@pytest.mark.skipif(not os.environ.get("TANDEM_ALL_MODELS"), reason="minutes; TANDEM_ALL_MODELS=1 runs it")
def test_every_table_is_what_the_command_gives() -> None:
    rows = by_figure(veltair_rows(answers(whole(), None, None)))
    assert rewritten(TEXT, rows) == TEXT

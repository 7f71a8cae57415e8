"""docs/veltair.md: its tables are what `reproduce veltair` gives; `TANDEM_ALL_MODELS=1` runs it whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tandemsim.sim.commands.veltair_runs import answers
from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.experiments import MIXES, SCENARIOS, VARIED, whole
from tandemsim.sim.papers.veltair.published import GAINS, LATENCY
from tandemsim.sim.papers.veltair.rows import NEVER, veltair_rows

PAGE = (Path(__file__).parents[2] / "docs" / "veltair.md").read_text(encoding="utf-8")
OF_MIXES = re.findall(r"^\| ([\w:,. %-]+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
SENSITIVITY = re.findall(r"^\| ([\w' ,.%-]+?) \| ([^|]+?) \| ([^|]+?) \|$", PAGE, re.MULTILINE)
HEADS = ("figure, %", "highest load, queries/s")


def shown(row: Row | None) -> str:
    """Return a figure as the page has it."""
    if row is None:
        return "–"
    if row.ours is None:
        return "carries nothing" if row.reason == NEVER else "–"
    if row.unit != "%":
        return f"{row.ours:.4g}"
    return f"{row.ours:+.0f}" + ("" if row.half is None else f" ± {row.half:.0f}")


def test_the_page_states_the_papers_numbers() -> None:
    assert ", ".join(f"+{GAINS[mix]:.0f}" for mix in MIXES) in PAGE
    assert f"The paper: −{-LATENCY:.0f} %" in PAGE


def test_the_page_has_a_row_for_everything_that_is_varied() -> None:
    assert {name for name, *_ in SENSITIVITY} >= {name for name in VARIED if name in SCENARIOS}


@pytest.mark.skipif(not os.environ.get("TANDEM_ALL_MODELS"), reason="minutes; TANDEM_ALL_MODELS=1 runs it")
def test_every_table_is_what_the_command_gives() -> None:
    rows = {(row.workload, row.figure): row for row in veltair_rows(answers(whole(), None, None))}
    figures = {figure for _, figure in rows}
    compared = 0
    for figure, *cells in OF_MIXES:
        if figure in figures:
            assert cells == [shown(rows.get((mix, figure))) for mix in MIXES], figure
            compared += 1
    for name, *cells in SENSITIVITY:
        if name in SCENARIOS:
            own = [
                rows.get(("sensitivity, medium", f"{name}, veltair over {over}"))
                for over in ("layer_wise", "planaria")
            ]
            assert cells == [shown(row) for row in own], name
            compared += 1
    assert compared > 50

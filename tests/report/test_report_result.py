"""A report as Python users hold it: its page for a notebook, its table of ops, its folder."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from tandemsim.sim.report import contract
from tandemsim.sim.report.result import Report


def result(report: contract.Report, **changes: Any) -> Report:
    """The report of the contract, as a run answers with it."""
    fields = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
    return Report(**(fields | changes))


@pytest.fixture(scope="module")
def page(report: contract.Report) -> str:
    return result(report)._repr_html_()


def test_the_page_shows_figures_cycles_and_roofline(page: str, report: contract.Report) -> None:
    for text in ("longformer on salo", f"{report.cycles:,} cycles", "Utilization", "Where the cycles went"):
        assert text in page
    assert page.count("<svg") == 1 and "MACs per byte of DRAM traffic" in page


def test_the_bar_of_cycles_is_100_percent(page: str) -> None:
    (bar,) = re.findall(r'<div class="bar">(.*?)</div>', page)
    assert sum(map(float, re.findall(r"width:([\d.]+)%", bar))) == pytest.approx(100, abs=0.01)


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    assert not re.search(r"<script|<link|<img|@import|src=|https?://(?!www\.w3\.org/)", page)
    assert len(page.encode()) < 100_000


def test_the_page_styles_only_what_it_brought(page: str) -> None:
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    for selectors in re.findall(r"([^{}]+)\{", style[1]):
        for selector in selectors.split(","):
            assert ".tandem-report" in selector or selector.strip().startswith("@media"), selector


def test_every_color_of_the_page_is_one_of_its_palette(page: str) -> None:
    """So that the page turns dark with the notebook."""
    used, style = set(re.findall(r"var\(--(\w+)\)", page)), page.split("</style>")[0]
    for theme in ('"true"', '"false"', "prefers-color-scheme: dark"):
        block = style.partition(theme)[2].partition("}")[0]
        assert used <= set(re.findall(r"--(\w+):", block))


def test_the_page_is_well_formed(page: str) -> None:
    ElementTree.fromstring(page.replace("&nbsp;", " "))


def test_two_reports_of_one_notebook_share_no_id(report: contract.Report, page: str) -> None:
    other = result(report, config={**report.config, "clock_hz": 1})._repr_html_()
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (page, other)]
    assert ids[0] and not ids[0] & ids[1]


def test_a_run_of_nothing_has_a_page_without_bar_and_roofline(empty_report: contract.Report) -> None:
    page = result(empty_report)._repr_html_()
    assert "Nothing of this model runs" in page
    assert "<svg" not in page and 'class="bar"' not in page


def test_markup_in_a_name_is_shown_and_not_obeyed(report: contract.Report) -> None:
    page = result(report, workload="<b>x</b>")._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt; on salo" in page and "<b>" not in page


def test_the_table_of_ops_is_that_of_the_folder(report: contract.Report, tmp_path: Path) -> None:
    own = result(report)
    own.save(tmp_path / "out")
    table = own.ops_table()
    assert table.equals(pq.read_table(tmp_path / "out" / "ops.parquet"))
    assert table.num_rows == len(report.ops) + len(report.not_run)
    assert (tmp_path / "out" / "report.json").read_bytes() == report.as_json()


def test_a_result_has_the_json_of_the_record_and_stays_one_when_replaced(report: contract.Report) -> None:
    own = result(report)
    assert own.as_json() == report.as_json()
    assert type(dataclasses.replace(own, workload="other")) is Report
    assert repr(own).startswith("<Report: longformer on salo")

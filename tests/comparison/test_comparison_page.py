"""The page and the folder: the single reports' figures, bars to scale, self-contained, complete or absent."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tandemsim.sim.comparison import page as pages
from tandemsim.sim.comparison import plots
from tandemsim.sim.comparison.comparison import Comparison, compare
from tests.comparison.made import make_op, make_report

EVIL = "\x1b[31m中文\x00\x07 a\nb\u202e🙂<b>&\ufffe"
FILES = {"comparison.json", "comparison.html", "comparison.parquet", "cycles.png", "energy.png"}


class Cells(html.parser.HTMLParser):
    """Texts of the cells of every table, row by row, and which tags and addresses the page has."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.inside = False
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def page(comparison: Comparison) -> str:
    return pages.comparison_html(comparison.runs, plots.draw(comparison.runs))


def three() -> Comparison:
    slow = make_report(
        [make_op(compute=150)], config={"array": {"rows": 16, "cols": 8}}, notes=("Both.", "One.")
    )
    fast = make_report([make_op(compute=50)], config={"array": {"rows": 32, "cols": 8}}, notes=("Both.",))
    whole = make_report([make_op(compute=50)], config={"array": {"rows": 32, "cols": 8}}, not_run=())
    return compare([slow, fast, whole], ["slow", "fast", "whole"])


def test_runs_stand_side_by_side_with_their_figures_and_the_best_marked() -> None:
    found = Cells(page(three())).rows
    assert ["", "slow", "fast"] in found and ["", "whole"] in found
    assert ["cycles", "162", "62★"] in found and ["cycles", "62"] in found
    assert ["time", "162 ns", "62.0 ns★"] in found
    assert ["speedup", "1.00×", "2.61×"] in found and ["speedup", "—"] not in found
    assert ["stalled", "12", "12"] in found
    assert ["cold fill", "5", "5"] in found
    assert ["energy", "100 pJ", "100 pJ"] in found


def test_only_fields_that_differ_are_shown_and_the_others_counted() -> None:
    source = page(three())
    assert ["array.rows", "16", "32"] in Cells(source).rows
    assert "array.cols" not in "".join("".join(row) for row in Cells(source).rows)
    assert "1 config field is equal in all runs" in source
    same = page(compare([make_report(), make_report(energy=(1.0, 1.0, 1.0, 1.0))]))
    assert "Nothing: 3 config fields are equal in all runs." in same


def test_ops_stand_side_by_side_where_their_names_match() -> None:
    reports = [make_report(), make_report([make_op(compute=90), make_op("other")])]
    found = Cells(page(compare(reports, ["a", "b"]))).rows
    assert ["op", "kind", "count", "a", "b"] in found
    assert ["layer.0", "window_attention", "1", "1120.089", "1020.098"] in found
    assert ["other", "window_attention", "1", "did not run", "1120.089"] in found


def test_bars_are_as_long_as_the_cycles_of_their_part() -> None:
    comparison = three()
    bars = re.findall(r'<td><div class="bar">(.*?)</div></td>', page(comparison))
    for bar, report, longest in zip(bars, comparison.runs.reports, (162, 162, 62), strict=True):
        lengths = [float(length) for length in re.findall(r"width:([\d.]+)%", bar)]
        parts = [report.compute_cycles, *(cycles for cycles in report.stall_cycles.values() if cycles)]
        assert lengths == pytest.approx([100 * part / longest for part in parts], abs=1e-3)


def test_the_page_says_why_there_is_no_ratio_and_whose_a_note_is() -> None:
    source = re.sub(r"<[^>]*>", "", page(three()))
    assert (
        "No ratio between &#39;slow&#39; and &#39;whole&#39;: one ran 56.1 % of the model&#39;s MACs"
        in source
    )
    assert "slow; fast: Both." in source and "slow: One." in source


def test_the_page_needs_nothing_else_and_has_both_themes() -> None:
    source = page(three())
    found = Cells(source)
    assert not found.tags & {"script", "link", "img", "iframe"}
    assert all(address.startswith("#") for address in found.addresses)
    assert "@import" not in source and not re.search(r"url\((?!#)", source)
    assert "prefers-color-scheme: dark" in source


def test_any_name_is_shown_and_none_is_markup() -> None:
    reports = [
        make_report([make_op(EVIL)], workload=EVIL, preset=EVIL, notes=(EVIL,), config={EVIL: place})
        for place in range(2)
    ]
    comparison = compare(reports, [EVIL, f"{EVIL}2"])
    for source in (page(comparison), comparison._repr_html_()):
        assert "<b>&" not in source and "31m中文" in source
        assert not [c for c in source if not c.isprintable() and c != "\n"]
    for picture in re.findall(r"<svg.*?</svg>", page(comparison), re.DOTALL):
        ElementTree.fromstring(picture)
    assert all(line.isprintable() for line in comparison.table().splitlines())


def test_a_notebook_sees_the_figures_of_the_page() -> None:
    comparison = three()
    fragment = Cells(comparison._repr_html_())
    assert "html" not in fragment.tags and fragment.addresses == []
    whole = Cells(page(comparison)).rows
    assert fragment.rows and [row for row in fragment.rows if row not in whole] == []


def test_runs_without_cycles_or_energy_have_no_plot() -> None:
    silent = make_report([], energy=(0.0, 0.0, 0.0, 0.0))
    assert plots.draw(compare([silent, silent]).runs) == {}
    assert set(plots.draw(three().runs)) == {"cycles", "energy"}


def test_bars_of_the_plot_are_the_reports_cycles_on_an_axis_for_each_scope() -> None:
    comparison = three()
    figure = plots.draw(comparison.runs)["cycles"]
    drawn = [[patch.get_width() for patch in axes.patches] for axes in figure.axes]
    assert drawn[0] == [150, 50, 5, 5, 7, 7] and drawn[1] == [50, 5, 7]
    starts = [[patch.get_x() for patch in axes.patches] for axes in figure.axes]
    assert starts[0] == [0, 0, 150, 50, 155, 55] and starts[1] == [0, 50, 55]


def test_the_same_runs_give_the_same_folder(tmp_path: Path) -> None:
    for name in "ab":
        three().save(tmp_path / name)
    found = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert set(found) == FILES
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert found["comparison.json"] == three().as_json()


@pytest.mark.parametrize("there", [False, True])
def test_a_fault_while_the_folder_is_written_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def broken(*arguments: object) -> str:
        raise RuntimeError("no page")

    if there:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "comparison.json").write_text("old")
    monkeypatch.setattr(pages, "comparison_html", broken)
    with pytest.raises(RuntimeError, match="no page"):
        three().save(tmp_path / "out")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == ({"out", "out/comparison.json"} if there else set())
    assert not there or (tmp_path / "out" / "comparison.json").read_text() == "old"

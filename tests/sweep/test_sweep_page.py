"""What a sweep shows: the same front in text, page and plot, whatever the names hold."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tandemsim.sim.report.layout import width_of
from tandemsim.sim.sweep import plot, text
from tandemsim.sim.sweep.result import SweepResult
from tandemsim.sim.sweep.runner import sweep
from tandemsim.sim.sweep.text import result_text

NASTY = "<script>alert(1)</script> $x^2$ & \x1b[31m"


@pytest.fixture(scope="module")
def result() -> SweepResult:
    study = {
        "name": NASTY,
        "pareto": ["time", "bytes"],
        "grid": {
            "pattern": ["sliding:64,16", "sliding:96,8"],
            "rows": [2, 4, 8],
            "cols": [2, 3, 4, "x"],
            "key_scratchpad.capacity_bytes": [2048, 65536],
        },
    }
    return sweep(study, workers=1)


class Links(HTMLParser):
    """Whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "srcset", "data")]
        self.found += [tag] if tag in ("script", "link", "iframe", "object", "embed") else []


def page(result: SweepResult, folder: Path) -> str:
    result.save(folder / "out")
    return (folder / "out" / "pareto.html").read_text()


def test_the_page_needs_nothing_else_and_runs_nothing(result: SweepResult, tmp_path: Path) -> None:
    links = Links()
    html = page(result, tmp_path)
    links.feed(html)
    assert links.found == []
    assert not re.search(r"https?://(?!www\.w3\.org/)", html) and "@import" not in html
    assert "\x1b" not in html and "&lt;script&gt;" in html


def test_page_and_text_have_every_point_of_every_front(result: SweepResult, tmp_path: Path) -> None:
    html, shown = page(result, tmp_path), result_text(result, 100)
    marked = sum(mark is True for mark in result.table["on_front"].to_pylist())
    assert sum(len(front.best) for front in result.fronts) == marked > 2
    for front in result.fronts:
        for place in front.best:
            cells = [str(front.points[place]), *front.texts(place)]
            assert all(f"<td>{cell}</td>" in html for cell in cells)
            assert any(
                line.split()[0] == cells[0] and line.endswith(cells[-1])
                for line in shown.splitlines()
                if line
            )


def test_text_keeps_to_its_width(result: SweepResult) -> None:
    for width in (72, 100):
        lines = result_text(result, width).splitlines()
        assert max(map(width_of, lines)) <= width and "\x1b" not in "".join(lines)


def test_what_does_not_fit_is_counted(result: SweepResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_FRONTS", 1)
    monkeypatch.setattr(text, "MAX_ROWS", 1)
    monkeypatch.setattr(text, "MAX_REASONS", 1)
    shown = result_text(result, 100)
    more = len(result.fronts[0].best) - 1
    assert f"and {more} more; on_front in points.parquet has all" in shown
    assert "and the fronts of 1 more workload;" in shown and "and 1 more reason;" in shown


def test_the_plot_shows_every_point_and_marks_the_front(result: SweepResult) -> None:
    front = result.fronts[0]
    (axes,) = plot.draw([front], NASTY).axes
    other, best = (collection.get_offsets() for collection in axes.collections)
    assert len(best) == len(front.best) and len(other) + len(best) == len(front.points)
    assert sorted(map(tuple, best.tolist())) == sorted(front.values[place] for place in front.best)


def test_three_objectives_have_a_pane_for_each_pair(tmp_path: Path) -> None:
    made = sweep({"grid": {"pattern": "sliding:64,16", "rows": [4, 8]}}, workers=1)
    assert len(plot.draw(made.fronts, "title").axes) == 3


def test_a_sweep_without_a_point_that_ran_has_a_page_and_no_plot(tmp_path: Path) -> None:
    made = sweep({"grid": {"pattern": "sliding:64,16", "rows": 0}}, workers=1)
    html = page(made, tmp_path)
    assert "array.rows must be a positive integer, not 0" in html
    assert not (tmp_path / "out" / "pareto.png").exists()
    assert "1 point: 1 invalid" in result_text(made, 100)


def test_a_notebook_shows_the_fronts(result: SweepResult) -> None:
    html = result._repr_html_()
    assert "<h2>sliding:64,16</h2>" in html and "<svg" not in html
    assert re.fullmatch(r"<SweepResult of .*: 48 points: 24 ok, 24 invalid>", repr(result))

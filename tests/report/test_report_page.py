"""What the HTML page shows beside the figures: accounts, tooltips, marked settings, notes last, any name."""

import dataclasses
import html.parser
import re
from xml.etree import ElementTree

import pytest

from tandemsim.sim.report.config import sections, unused_parts
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.html import report_html
from tandemsim.sim.report.plots import draw
from tandemsim.sim.report.words import PARTS

EVIL = "\x1b[31m中文\x00\x07 a\nb\u202e🙂<b>&\ufffe"
EXPLAINED = {
    "op": "encoder.layer.3.attention.self.window",
    "bound": "the DRAM",
    "settings": [{"set": "dram.channels=2", "cycles": 2_900_000, "gain": 0.0738}],
}
FUNCTIONAL = [{"op": "first", "mean_abs_error": 0.00277, "saturations": {"query": 0, "key": 0}}]


class Rows(html.parser.HTMLParser):
    """Cells of every table, and of every list of settings, row by row."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.kinds: list[str] = []  # class of each row
        self.inside = False
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr" or (tag == "div" and dict(attributes).get("class") in ("changed", "unused", None)):
            self.rows.append([])
            self.kinds.append(dict(attributes).get("class") or "")
        self.inside = tag in ("td", "th", "dt", "dd") or (self.inside and tag in ("span", "wbr"))
        if tag in ("td", "th", "dt", "dd") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag == "span"

    def handle_data(self, data: str) -> None:
        if self.inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def page(report: Report) -> str:
    return report_html(report, draw(report))


def rows(source: str) -> list[list[str]]:
    return Rows(source).rows


@pytest.fixture(scope="module")
def whole(report: Report) -> str:
    config = dict(report.config) | {
        "numerics": {
            "per_pass": {"psum": 18, "rounding": "half_even"},
            "deferred": {"psum": 24, "rounding": "half_even"},
        }
    }
    changed = dataclasses.replace(
        report,
        config=config,
        settings={"dram.channels": 1, "memory": "hbm2"},
        explanation=(EXPLAINED,),
        extra={"batch": 1, "functional": FUNCTIONAL},
    )
    return page(changed)


def test_both_accounts_of_cycles_are_bars_of_100_percent(whole: str) -> None:
    bars = re.findall(r'<section class="whole">.*?<div class="bar">(.*?)</div>', whole, re.DOTALL)
    assert len(bars) == 2
    for bar in bars:
        lengths = [float(length) for length in re.findall(r"width:([\d.]+)%", bar)]
        assert sum(lengths) == pytest.approx(100, abs=0.01)


def test_words_of_the_page_have_their_meaning_under_the_pointer(whole: str) -> None:
    for part, key, shown in (
        ("where the cycles went", "cold_fill", "cold fill"),
        ("where the multipliers' cycles went", "masked", "masked"),
        ("DRAM", "row_conflicts", "Row conflicts"),
        ("DRAM by tensor", "key", "key"),
        ("ops", "tiles", "tiles"),
        ("functional", "mean_abs_error", "mean abs error"),
    ):
        meaning = PARTS[part][key].meaning.replace("'", "&#39;")
        assert f'<span title="{meaning}">{shown}</span>' in whole, key


def test_every_word_is_in_the_page_s_own_glossary(whole: str) -> None:
    said = [row for row in rows(whole) if len(row) == 2]
    for words in PARTS.values():
        for key, entry in words.items():
            assert [key, entry.meaning] in said, key


def test_re_reads_are_a_number_in_the_table_of_tensors(whole: str) -> None:
    assert ["key", "37.7 MB", "75.5 MB", "2 times", "0 B"] in rows(whole)
    assert "asked for" not in whole.split("<h2>Words</h2>")[0].replace(
        PARTS["DRAM"]["useful_read_bytes"].meaning, ""
    )


def test_the_explanation_is_a_table(whole: str) -> None:
    name = "encoder.layer.0-11.attention.self.window"
    assert [name, "the DRAM", "dram.channels=2", "2,900,000", "7.4 % fewer"] in rows(whole)


def test_an_op_that_rides_on_another_says_on_which(report: Report) -> None:
    host, rider = report.ops[:2]
    rides = dataclasses.replace(rider, kind="act", extra={"rides_on": host.name})
    text = page(dataclasses.replace(report, ops=(host, rides, *report.ops[2:])))
    (row,) = [row for row in rows(text) if any("rides on" in cell for cell in row)]
    assert rider.name in row[0] and row[4].endswith("encoder.layer.0,2-11.attention.self.window")


def test_the_accuracy_is_a_table_of_its_own(whole: str) -> None:
    found = rows(whole)
    start = found.index(["op", "first"])
    assert found[start : start + 3] == [
        ["op", "first"],
        ["mean abs error", "0.00277"],
        ["saturations", "none"],
    ]


def test_changed_settings_are_first_and_marked_and_unused_ones_pale(whole: str) -> None:
    found = Rows(whole.split("<h2>Configuration</h2>")[1].split("<h2>Words</h2>")[0])
    marked = [row for row, kind in zip(found.rows, found.kinds, strict=True) if kind == "changed"]
    assert found.rows[:2] == [["dram.channels", "1"], ["memory", "hbm2"]] == marked[:2]
    assert marked[2:] == [["dram.channels", "1"]]
    pale = [row[0] for row, kind in zip(found.rows, found.kinds, strict=True) if kind == "unused"]
    assert pale == ["numerics.per_pass.psum", "numerics.per_pass.rounding"]


@pytest.mark.parametrize(
    "config, unused",
    [
        ({"way": "a", "a": {"x": 1}, "b": {"x": 2}}, ["b"]),
        ({"way": "a", "a": {"x": 1}, "b": {"y": 2}}, []),  # no alternative: other fields
        ({"way": "c", "a": {"x": 1}, "b": {"x": 2}}, []),  # nobody has chosen
        ({"one": "a", "two": "b", "a": {"x": 1}, "b": {"x": 2}}, []),  # both have been
        ({"way": "a", "deep": {"a": {"x": {}}, "b": {"x": {}}}}, ["deep.b"]),
    ],
)
def test_a_part_is_unused_where_another_with_its_fields_was_chosen(config: dict, unused: list[str]) -> None:
    assert unused_parts(config) == unused


def test_names_of_settings_break_at_dots_and_underscores_alone(report: Report) -> None:
    for _, settings in sections(dataclasses.replace(report, config={"a_b": {"cd.e": 1}, "f": 2})):
        for setting in settings:
            assert "".join(setting.pieces) == setting.name
            assert all(piece.endswith((".", "_")) for piece in setting.pieces[:-1])


def test_notes_come_after_every_result(whole: str) -> None:
    order = [
        whole.index(f"<h2>{heading}</h2>") for heading in ("What ran", "Memory", "Further results", "Notes")
    ]
    assert order == sorted(order)


def test_the_page_and_its_pictures_are_well_formed_with_any_names(report: Report) -> None:
    ops = tuple(dataclasses.replace(op, name=f"{op.name}{EVIL}") for op in report.ops)
    evil = dataclasses.replace(
        report,
        workload=EVIL,
        preset=EVIL,
        ops=ops,
        not_run=tuple(
            dataclasses.replace(op, name=EVIL, kind=EVIL, reason=EVIL) for op in report.not_run[:2]
        ),
        settings={EVIL: EVIL},
        config={EVIL: {EVIL: EVIL}},
        notes=(EVIL,),
        extra={EVIL: EVIL, "functional": [{"op": EVIL}]},
        explanation=({**EXPLAINED, "op": ops[0].name, "bound": EVIL},),
    )
    source = page(evil)
    assert not [c for c in source if not c.isprintable() and c != "\n"]
    assert "<b>" not in source
    pictures = re.findall(r"<svg.*?</svg>", source, re.DOTALL)
    assert len(pictures) == 4
    for picture in pictures:
        ElementTree.fromstring(picture)
    source.encode()

import html.parser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.folder import write_folder, write_json
from tandemsim.sim.report.parquet import write_table
from tandemsim.sim.report.timeline import Timeline
from tandemsim.sim.shell.files import FileError

ROOT = Path(__file__).parents[2]
VOID = {"wbr", "meta", "br", "link", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """What the tests ask of a page: texts by table, tags, ids, and every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: dict[str, list[str]] = {}
        self.table: str | None = None
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = dict(attributes).get("id")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            self.table = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.table and data.strip():
            self.tables.setdefault(self.table, []).append(data.strip())

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def run(report: Report, make_report, make_timeline, make_activity) -> tuple[Report, Timeline, Activity]:
    """The whole report with the timeline of one layer: enough for what is asked of its file here."""
    timeline = make_timeline(make_report(1))
    return report, timeline, make_activity(report)


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("results") / "longformer-salo"
    write_folder(place, *run)
    return place


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


def test_folder_holds_every_promised_file(folder: Path) -> None:
    plots = ["cycles.png", "energy.png", "multipliers.png", "roofline.png", "utilization.png"]
    others = ["ops.parquet", "report.html", "report.json", "timeline.json.gz"]
    assert sorted(os.listdir(folder)) == sorted(plots + others)
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in plots)


def test_json_in_the_folder_is_the_reports(folder: Path, report: Report) -> None:
    assert (folder / "report.json").read_bytes() == report.as_json()


def test_table_has_every_op_with_the_values_of_the_json(folder: Path, report: Report) -> None:
    table = pq.read_table(folder / "ops.parquet").to_pylist()
    document = json.loads(report.as_json())
    ran, not_run = [row for row in table if row["ran"]], [row for row in table if not row["ran"]]
    assert len(ran) + len(not_run) == len(table)
    for row, op in zip(ran, document["ops"], strict=True):
        stalls, account, tensors = (
            op.pop(key) for key in ("stall_cycles", "multiplier_cycles", "dram_tensors")
        )
        assert {name: row[name] for name in op} == op
        assert {name: row[f"stall_{name}"] for name in stalls} == stalls
        assert {name: row[f"multiplier_cycles_{name}"] for name in account} == account
        assert tensors == {
            name: {kind: row[f"dram_{name}_{kind}"] for kind in ("read_bytes", "write_bytes", "size_bytes")}
            for name in tensors
        }
        assert row["reason"] is None
    for row, op in zip(not_run, document["not_run"], strict=True):
        assert {name: row[name] for name in op} == op
        assert row["cycles"] is None and row["utilization"] is None


def test_table_names_the_run_in_its_metadata(folder: Path, report: Report) -> None:
    metadata = pq.read_schema(folder / "ops.parquet").metadata
    assert metadata[b"schema"] == b"tandem-report/1"
    assert metadata[b"config_digest"].decode() == report.config_digest


def test_tables_of_two_runs_have_the_same_types(make_report, empty_report: Report, tmp_path: Path) -> None:
    write_table(tmp_path / "all", make_report(not_run=()))
    write_table(tmp_path / "none", empty_report)
    full, empty = pq.read_schema(tmp_path / "all"), pq.read_schema(tmp_path / "none")
    assert [empty.field(name) for name in empty.names] == [full.field(name) for name in empty.names]


def test_each_group_of_ops_is_once_in_the_table_of_the_page(source: str, report: Report) -> None:
    page = parsed(source)
    (row,) = [text for text in page.tables["ops"] if text.startswith("encoder")]
    assert row == "encoder.layer.0-11.attention.self.window"
    cells = page.tables["ops"][page.tables["ops"].index(row) :]
    assert cells[1:3] == ["window_attention", "12"]
    names = page.tables["not-run"]
    assert all(names.count(op.name) == 1 for op in report.not_run)
    assert {op.reason for op in report.not_run} <= set(names)


def test_page_needs_nothing_from_elsewhere(source: str) -> None:
    page = parsed(source)
    assert "://" not in source and "@import" not in source and "<script" not in source
    references = [
        value for name in ("href", "src", "xlink:href", "srcset", "data") for value in page.values(name)
    ]
    assert all(value.startswith("#") for value in references)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", source))


def test_every_reference_in_the_page_has_its_one_target(source: str) -> None:
    page = parsed(source)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in page.values("href")} | set(re.findall(r"url\(#([^)]*)\)", source))
    assert targets <= set(ids)


def test_page_defines_every_color_it_uses(source: str) -> None:
    used, defined = set(re.findall(r"var\((--\w+)\)", source)), set(re.findall(r"(--\w+):", source))
    assert {"--c0", "--c1", "--ink"} <= used <= defined


def test_page_says_what_ran_and_shows_the_notes_and_the_config(source: str, report: Report) -> None:
    text = " ".join("".join(parsed(source).text).split())
    assert "8.5 % of the model's 444 GMAC ran" in text
    assert " ".join(report.notes[0].split()) in text
    for figure in ("37.8 ms", "0.915", "array.rows", "ddr4-2400", report.config_digest, report.trace_digest):
        assert figure in text, figure


def test_names_in_the_page_are_texts_and_never_markup(make_report, make_op) -> None:
    from tandemsim.sim.report.html import report_html
    from tandemsim.sim.report.plots import draw

    op = make_op(0, name="<b>&\"'$x$_{{ 7 * 7 }}")
    run = {name: getattr(op, name) for name in ("cycles", "compute_cycles", "stall_cycles")}
    report = make_report(1, ops=(op,), **run, workload="<script>", notes=("<i>note</i>",))
    page = parsed(report_html(report, draw(report)))
    assert page.tables["ops"].count(op.name) == 1
    assert page.text.count(op.name) == 3  # beside its bar and in the roofline too, dollars and all
    assert "<i>note</i>" in page.text
    assert not {"b", "script"} & {tag for tag, _, _ in page.attributes}


def test_the_same_run_gives_the_same_bytes(folder: Path, run, tmp_path: Path) -> None:
    write_folder(tmp_path / "again", *run)
    for name in os.listdir(folder):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_failure_in_the_middle_leaves_the_folder_as_it_was(
    empty_report: Report, tmp_path: Path, monkeypatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no page today")

    (tmp_path / "report.json").write_bytes(b"old")
    monkeypatch.setattr("tandemsim.sim.report.html.report_html", fail)
    with pytest.raises(RuntimeError, match="no page today"):
        write_folder(tmp_path, empty_report)
    assert os.listdir(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_bytes() == b"old"


def test_folder_that_cannot_be_written_is_an_error_of_one_line(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError) as error:
        write_folder(tmp_path / "file", report)
    assert "\n" not in str(error.value) and "file" in str(error.value)


def test_run_of_nothing_makes_a_page_without_plots(empty_report: Report, tmp_path: Path) -> None:
    write_folder(tmp_path / "out", empty_report)
    assert sorted(os.listdir(tmp_path / "out")) == ["ops.parquet", "report.html", "report.json"]
    page = parsed((tmp_path / "out" / "report.html").read_text("utf-8"))
    assert any("Nothing of this model runs on this machine." in text for text in page.text)
    assert "ops" not in page.tables and "not-run" in page.tables


def test_json_goes_to_standard_output(report: Report, capfdbinary) -> None:
    write_json("-", report)
    assert capfdbinary.readouterr().out == report.as_json()


def test_a_run_without_a_folder_loads_no_plotting_and_no_parquet() -> None:
    program = (
        "import sys\n"
        "from tandemsim.sim.report import folder, html, plots, text, timeline\n"
        "heavy = {'matplotlib', 'pyarrow', 'jinja2', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)

"""``sim reproduce``: three figures side by side, each gap with its reason, as a table or as JSON alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from tandemsim.sim.commands import paper_runs
from tandemsim.sim.commands.paper_runs import run_one
from tandemsim.sim.papers import cpu_baseline
from tandemsim.sim.papers.comparison import Paper
from tandemsim.sim.sweep import runner

ROW = ["workload", "figure", "unit", "paper", "cost_model", "ours", "half", "gap", "step", "reason", "source"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes no time, and no measurement of this CPU: the figures are tested elsewhere."""

    def run_one(
        paper: Any, workload: str, preset: str, settings: Any, bits: str | None, batch: int
    ) -> SimpleNamespace:
        cycles = 4_000_000 if workload == "longformer" else 300_000
        return SimpleNamespace(
            cycles=cycles,
            compute_cycles=cycles - 1000,
            utilization=0.5,
            seconds=cycles / 1e9,
            energy_pj=SimpleNamespace(total=1e6),
            ops=[SimpleNamespace(tiles=2000)],
        )

    monkeypatch.setattr(paper_runs, "run_one", run_one)
    monkeypatch.setattr(runner, "sweep", swept)
    monkeypatch.setattr(cpu_baseline, "measure_cpu", lambda: "this machine's CPU was not measured")


def swept(study: Mapping[str, Any], workers: int | None, progress: Any) -> SimpleNamespace:
    """A sweep in which every point takes a million cycles and one microjoule for each of its batch."""
    count, batches = len(study["list"]), [point["batch"] for point in study["list"]]
    assert len({tuple(point.items()) for point in study["list"]}) == count
    figures = {
        "cycles": [10**6 * batch for batch in batches],
        "energy_pj": [1e6 * batch for batch in batches],
    }
    return SimpleNamespace(table=pa.table({"status": ["ok"] * count, "reason": [""] * count, **figures}))


def test_with_a_dash_stdout_holds_the_json_alone(command: Any) -> None:
    answer = command("reproduce", "salo", "--json", "-")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["schema"], list(answer.json)) == ("tandem-reproduce/1", ["schema", "paper", "rows"])
    assert all(list(row) == ROW and row["reason"] for row in answer.json["rows"])
    assert {"longformer", "vil-1", "vil-2"} <= {row["workload"] for row in answer.json["rows"]}


def test_the_same_comparison_gives_the_same_bytes(command: Any) -> None:
    arguments = ("reproduce", "salo", "--json", "-")
    assert command(*arguments).out == command(*arguments).out


def test_a_figure_that_both_have_has_its_gap(command: Any) -> None:
    rows = command("reproduce", "salo", "--json", "-").json["rows"]
    both = [row for row in rows if row["ours"] is not None and row["cost_model"] and row["gap"] is not None]
    assert len(both) >= 3
    for row in both:
        assert row["gap"] == pytest.approx(row["ours"] / row["cost_model"] - 1, abs=1e-9)


def test_the_table_has_a_column_for_each_and_the_reasons(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    answer = command("reproduce", "salo")
    assert (answer.code, answer.err) == (0, "")
    header = next(line for line in answer.text.splitlines() if "cost model" in line)
    assert [cell.strip() for cell in header.strip("│┃| ").replace("┃", "│").split("│")] == [
        *("figure", "paper", "cost model", "ours", "gap", "step", "reason"),
    ]
    assert "513 keys, 17 passes" in answer.text and "4,030,495" in answer.text
    assert "this machine's CPU was not measured" in " ".join(answer.text.split())


def test_a_file_goes_with_the_table_and_quiet_without(command: Any, place: Path) -> None:
    shown = command("reproduce", "salo", "--json", "r.json")
    silent = command("reproduce", "salo", "--json", "q.json", "--quiet")
    assert shown.text and (silent.code, silent.out, silent.err) == (0, b"", "")
    assert (place / "r.json").read_bytes() == (place / "q.json").read_bytes()
    assert json.loads((place / "r.json").read_bytes())["paper"].startswith("SALO, DAC 2022")


def test_help_of_reproduce_names_its_papers_and_options(command: Any) -> None:
    text = command("reproduce", "--help").text
    options = ("--json FILE|-", "--plot FILE.png", "--only REGEX", "--workers N", "--quiet")
    assert all(word in text for word in ("salo, ant", *options))


def test_long_runs_are_a_sweep_and_only_those_that_are_asked_for(command: Any) -> None:
    def ours(*more: str) -> dict[tuple[str, str], float]:
        rows = command("reproduce", "ant", "--json", "-", *more).json["rows"]
        return {(row["workload"], row["figure"]): row["ours"] for row in rows if row["ours"] is not None}

    every, some = ours(), ours("--only", "^vit/(bit|ada)")
    assert every["vit", "cycles, BitFusion"] == 64 * 10**6 and len(every) > 100
    assert {name for name, _ in some} == {"vit", "vit, with its patch embedding"}
    assert some["vit", "energy over AdaFloat's, BitFusion"] == 1
    assert ("vit", "cycles, OLAccel") not in some


def test_a_run_that_fails_ends_the_comparison(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"status": ["failed"], "reason": ["out of memory"]})
    monkeypatch.setattr(runner, "sweep", lambda *_, **__: SimpleNamespace(table=table))
    answer = command("reproduce", "ant", "--only", "^vit/bitfusion$", "--quiet")
    assert answer.code == 1 and answer.out == b""
    assert len(answer.err.splitlines()) == 1 and "out of memory" in answer.err


def test_a_paper_without_a_cpu_in_it_measures_none(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> str:
        raise AssertionError("measured")

    monkeypatch.setattr(cpu_baseline, "measure_cpu", measured)
    answer = command("reproduce", "ant", "--json", "-")
    assert (answer.code, answer.err) == (0, "")
    assert all(list(row) == ROW and row["reason"] for row in answer.json["rows"])


def test_the_chart_of_a_paper_is_a_picture_beside_the_table(command: Any, place: Path) -> None:
    answer = command("reproduce", "ant", "--plot", "chart.png")
    assert (answer.code, answer.err) == (0, "") and "ANT-OS over the others" in answer.text
    assert (place / "chart.png").read_bytes().startswith(b"\x89PNG")
    first = (place / "chart.png").read_bytes()
    assert command("reproduce", "ant", "--plot", "chart.png", "--quiet").out == b""
    assert (place / "chart.png").read_bytes() == first


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("salo", "--only", "x"), "--only must be asked of a paper whose runs are long, not 'salo'"),
        (("salo", "--workers", "2"), "--workers must be asked of a paper whose runs are long, not 'salo'"),
        (("ant", "--only", "x"), "--only must be found in a run, such as vgg16/ant-micro22, not 'x'"),
        (
            ("ant", "--only", "("),
            "--only must be a regular expression: missing ), unterminated subpattern at position 0, not '('",
        ),
        (("salo", "--plot", "c.png"), "--plot must be asked of a paper with a chart, not 'salo'"),
        (("ant", "--plot", "c.svg"), "--plot must be a file named .png, not 'c.svg'"),
        (("ant", "--plot", "-"), "--plot must be a file named .png, not '-'"),
        (
            ("ant", "--plot", "c.png", "--json", "c.png"),
            "--json and --plot must be two files, not both 'c.png'",
        ),
    ],
)
def test_a_chart_that_cannot_be_is_refused_before_anything_runs(
    command: Any, place: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = sorted(place.iterdir())
    answer = command("reproduce", *arguments)
    assert (answer.code, answer.out, answer.err) == (2, b"", f"tandem: {said}\n")
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("columns, widest", [("90", 90), ("", 150), ("wide", 150), ("0", 150)])
def test_a_table_that_no_terminal_shows_is_as_wide_as_columns_says(
    command: Any, monkeypatch: pytest.MonkeyPatch, columns: str, widest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, command("reproduce", "salo").text.splitlines())) == widest


def test_a_workload_of_a_paper_is_one_op_or_all_that_the_machine_runs() -> None:
    paper = Paper(
        title="Made up",
        machine="salo",
        workloads={"first": ("vil-tiny", 0), "all": ("vil-tiny", None)},
        rows=lambda ours, cpu: [],
    )
    first, whole = (run_one(paper, name, "salo", {}) for name in ("first", "all"))
    assert len(first.ops) == 1 and len(whole.ops) > 1
    assert whole.ops[0].cycles == first.cycles < whole.cycles

"""``sim serve``: one line for what is wrong, a table, JSON alone with a dash, a folder with all files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.capacity.folder import FILES
from tandemsim.sim.sweep import runner
from tests.capacity.served import csv_of

SMALL = ("tiny-yolov2=40", "--set", "cores=16", "--queries", "1000", "--seeds", "2", "--workers", "1")


def serve(command: Any, *more: str) -> Any:
    return command("serve", *SMALL, *more)


def test_a_load_is_a_table_with_a_row_for_each_policy(command: Any) -> None:
    answer = serve(command, "--policy", "layer_wise,veltair:margin=0.9", "--load", "40")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.text.splitlines()
    assert lines[0].startswith("tiny-yolov2=40 on cpu, preset threadripper-3990x: 40 queries/s")
    assert [line.split()[0] for line in lines[-2:]] == ["layer_wise", "veltair:margin=0.9"]


def test_with_a_dash_stdout_holds_the_json_alone(command: Any) -> None:
    answer = serve(command, "--policy", "layer_wise", "--load", "40", "--json", "-")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["schema"], answer.json["mix"]) == ("tandem-serving/1", "tiny-yolov2=40")
    (policy,) = answer.json["policies"]
    assert (policy["policy"], policy["load_qps"], policy["max_load_qps"]) == ("layer_wise", 40, None)


def test_a_folder_has_page_plots_and_a_timeline_without_overlaps(command: Any, tmp_path: Path) -> None:
    out = tmp_path / "served"
    answer = serve(command, "--policy", "veltair", "--search", "--as-set", "--out", str(out))
    assert (answer.code, answer.err) == (0, "")
    written = {path.name for path in out.iterdir()}
    assert written == {*FILES, "timeline-veltair.json.gz", "points.journal"}
    page = (out / "serving.html").read_text()
    assert "Latency against load" in page and "http" not in page.replace("http://www.w3.org", "")
    events = json.loads(gzip.decompress((out / "timeline-veltair.json.gz").read_bytes()))["traceEvents"]
    names = {e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names <= {f"island {core // 4:02}, core {core:02}" for core in range(16)} and names
    by_core: dict[int, list[tuple[int, int]]] = {}
    for event in events:
        if event["ph"] == "X":
            by_core.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
    for spans in by_core.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    again = tmp_path / "again"
    serve(command, "--policy", "veltair", "--search", "--as-set", "--out", str(again))
    for name in written:
        assert (out / name).read_bytes() == (again / name).read_bytes(), name


def test_a_file_of_queries_is_its_own_load(command: Any, tmp_path: Path) -> None:
    file = csv_of(tmp_path / "q.csv", *(f"{0.02 * number},tiny-yolov2" for number in range(100)))
    answer = serve(command, "--policy", "layer_wise", "--arrivals", str(file), "--json", "-")
    assert answer.json["policies"][0]["load_qps"] == pytest.approx(50)


def test_more_workers_than_cpus_are_a_warning_and_the_run_goes_on(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "cpus", lambda: 1)
    words = ("tiny-yolov2=40", "--policy", "layer_wise", "--load", "40", "--seeds", "1", "--workers", "2")
    answer = command("serve", *words)
    assert (answer.code, "layer_wise" in answer.text) == (0, True)
    said = "tandem: warning: 2 workers share 1 CPU; more of them than CPUs gain nothing\n"
    assert answer.err == said


@pytest.mark.parametrize(
    "words, says",
    [
        (("meduim", "--policy", "veltair", "--load", "1"), "unknown mix 'meduim'; did you mean 'medium'?"),
        (
            ("medium", "--policy", "veltiar", "--load", "1"),
            "unknown policy 'veltiar'; did you mean 'veltair'?",
        ),
        (("medium", "--policy", "veltair"), "serve needs --load QPS or --search"),
        (("medium", "--policy", "veltair", "--load", "0"), "the load must be a positive number of queries"),
        (("medium", "--policy", "veltair", "--load", "-5"), "the load must be a positive number of queries"),
        (
            ("resnet50=1", "--policy", "veltair", "--load", "1"),
            "no policy can meet the target of resnet50: alone",
        ),
        (
            ("medium", "--policy", "veltair", "--load", "1", "--preset", "salo"),
            "unknown preset of cpu 'salo'",
        ),
        (("medium", "--policy", "veltair", "--load", "1", "--set", "rows=3"), "unknown config key 'rows'"),
        (("medium", "--policy", "veltair", "--arrivals", "none.csv"), "none.csv"),
    ],
)
def test_what_is_wrong_is_one_line(refused: Any, words: tuple[str, ...], says: str) -> None:
    assert says in refused("serve", *words)


def test_a_malformed_file_of_queries_is_named_with_line_and_field(refused: Any, tmp_path: Path) -> None:
    file = csv_of(tmp_path / "q.csv", "0,resnet50", "1,resnet51")
    said = refused("serve", "medium", "--policy", "veltair", "--arrivals", str(file))
    assert f"{file.name}, line 3, field network: must be one of resnet50, googlenet, not 'resnet51'" in said

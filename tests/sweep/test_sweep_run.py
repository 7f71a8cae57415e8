"""Sweeps: rows against runs one by one, points that go wrong, and what a second sweep does again."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import tandemsim as ts
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.run import Request, simulate
from tandemsim.sim.shell.files import FileError
from tandemsim.sim.shell.version import __version__
from tandemsim.sim.sweep import pool, runner
from tandemsim.sim.sweep.frames import Setup, Work, packed
from tandemsim.sim.sweep.journal import NAME, FolderError
from tandemsim.sim.sweep.pool import Pool
from tandemsim.sim.sweep.runner import POINTS, SweepError, sweep
from tandemsim.sim.sweep.study import read_study
from tandemsim.traces import codec

WORK = "sliding:32,8"
ROOT = Path(__file__).parents[2]
FAULTY = [sys.executable, str(Path(__file__).with_name("faulty_worker.py"))]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of some batches go wrong, as faulty_worker.py says."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(pool, "module_command", lambda _, *words: [*FAULTY, *words])


def grid(**keys: Any) -> dict[str, Any]:
    return {"grid": {"pattern": WORK, **keys}}


def column(result: Any, name: str) -> list[Any]:
    return result.table[name].to_pylist()  # type: ignore[no-any-return]


def test_a_row_is_the_summary_of_a_run_with_its_settings() -> None:
    study = grid(rows=[4, 8], memory=["ddr4-2400", "hbm2"], batch=[1, 3])
    rows = sweep(study, workers=2).table.to_pylist()
    assert len(rows) == 8
    for number, row in enumerate(rows):
        settings = {"rows": row["rows"], "memory": row["memory"]}
        request = Request(workload=WORK, trace=pattern_trace(WORK), settings=settings, batch=row["batch"])
        summary = simulate(request).report.summary()
        assert (row["point"], row["status"], row["reason"]) == (number, "ok", None)
        assert {key: row[key] for key in summary} == summary


def test_an_invalid_point_is_a_row_with_the_rule_that_it_breaks() -> None:
    result = sweep(grid(rows=[0, 8], cols=[8, 9], preset=["salo"]), workers=1)
    assert column(result, "status") == ["invalid", "invalid", "ok", "invalid"]
    reasons = column(result, "reason")
    assert reasons[3] == "array.cols must be a multiple of column_segments (2), not 9"
    assert "array.rows must be a positive integer, not 0" in reasons[0]
    assert column(result, "rows") == [0, 0, 8, 8] and column(result, "machine") == ["salo"] * 4
    assert column(result, "cycles")[0] is None and column(result, "on_front") == [None, None, True, None]


def test_traces_of_one_file_name_are_told_apart(tmp_path: Path) -> None:
    names = ["a/small.json", "b/small.json", "b/other.json"]
    traces = [pattern_trace(f"sliding:{tokens},8") for tokens in (32, 64, 96)]
    for name, trace in zip(names, traces, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        codec.save(trace, tmp_path / name)
    (tmp_path / "study.toml").write_text(f"[grid]\nworkload = {names}\nrows = [0, 8]\n")
    result = sweep(tmp_path / "study.toml", workers=1)
    assert column(result, "workload") == [*["a/small.json"] * 2, *["b/small.json"] * 2, *["other"] * 2]
    assert sorted(front.title for front in result.fronts) == ["a/small.json", "b/small.json", "other"]
    assert column(result, "status") == ["invalid", "ok"] * 3
    assert column(result, "trace_digest") == [trace.digest for trace in traces for _ in range(2)]


def test_the_table_has_the_types_of_the_values() -> None:
    table = sweep(grid(rows=[4, "0x8"], memory=["hbm2"]), workers=1).table
    assert [str(table.schema.field(name).type) for name in ("rows", "memory", "cycles", "seconds")] == [
        "string",
        "string",
        "int64",
        "double",
    ]
    assert table["rows"].to_pylist() == ["4", "0x8"] and table["multipliers"].to_pylist()[0] > 0


@pytest.mark.usefixtures("faulty")
def test_points_that_go_wrong_are_rows_and_the_others_run() -> None:
    batches = [1, 1001, 2, 1002, 3, 1003, 4, 1004, 5, 1005, 6, 1006, 7]
    result = sweep(grid(batch=batches), workers=2, point_timeout=2)
    ends = dict(
        zip(batches, zip(column(result, "status"), column(result, "reason"), strict=True), strict=True)
    )
    assert all(ends[batch] == ("ok", None) for batch in range(1, 8))
    assert ends[1001] == ("failed", "the process that ran it ended 3 times (SIGSEGV)")
    assert ends[1002] == ("timed out", "took longer than the point timeout of 2 s")
    assert ends[1003] == ("failed", "the process that ran it ended 3 times (exit code 3)")
    assert ends[1004] == ("failed", "RuntimeError: something went wrong")
    assert ends[1005] == ("failed", "SystemExit: stop")
    assert ends[1006] == ("failed", "out of memory")


@pytest.mark.slow
@pytest.mark.usefixtures("faulty")
def test_a_point_that_timed_out_runs_again_only_with_more_time(tmp_path: Path) -> None:
    study, journal = grid(batch=[1, 1002]), tmp_path / NAME
    lines = []
    for seconds in (0.5, 0.5, 0.2, 1.0):
        result = sweep(study, workers=1, point_timeout=seconds, out=tmp_path)
        lines.append(journal.read_bytes().count(b"\n"))
    assert lines == [3, 3, 3, 4]
    assert column(result, "reason")[1] == "took longer than the point timeout of 1 s"
    assert result.table.num_rows == 2


def test_processes_that_do_not_start_end_the_sweep_with_their_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    monkeypatch.setattr(pool, "module_command", lambda *_: command)
    with pytest.raises(SweepError, match=r"do not start \(exit code 1\): no such thing"):
        sweep(grid(rows=[4]), workers=2, out=tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_process_that_never_gets_ready_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(pool, "module_command", lambda *_: command)
    monkeypatch.setattr(pool, "START_SECONDS", 0.5)
    with pytest.raises(SweepError) as ended:
        sweep(grid(rows=[4]), workers=1)
    said = "the worker processes do not start (not ready after 0.5 s): it said nothing"
    assert str(ended.value) == said


@pytest.mark.usefixtures("faulty")
def test_deaths_of_one_study_do_not_count_in_the_next() -> None:
    setup = packed(Setup("", "", {}, []))
    good, bad = ({"pattern": WORK, "batch": batch} for batch in (1, 1001))
    with Pool(setup, 1) as own:
        assert [outcome.status for outcome in own.run([Work(0, bad)])] == ["failed"]
        tries, framed = iter([bad, bad, good]), pool.framed  # of another point of the same number
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool, "framed", lambda work: framed(Work(work.number, next(tries))))
            assert [outcome.status for outcome in own.run([Work(0, good)])] == ["ok"]


def test_the_same_results_byte_for_byte_with_any_number_of_processes(tmp_path: Path) -> None:
    study = grid(rows=[4, 6, 8], cols=[2, 3, 4, 6], memory=["ideal", "ddr4-2400"])
    for workers in (1, 3):
        sweep(study, workers=workers, out=tmp_path / str(workers))
    for name in ("points.parquet", "pareto.html", "pareto.png"):
        one, three = ((tmp_path / workers / name).read_bytes() for workers in ("1", "3"))
        assert one == three, name


def test_a_sweep_runs_what_is_missing_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = grid(rows=[4, 6, 8], cols=[2, 4])
    sweep(study, workers=1, out=tmp_path)
    whole, table = (tmp_path / NAME).read_bytes(), (tmp_path / "points.parquet").read_bytes()
    lines = whole.splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(lines[:3]) + lines[3][:20])
    ran = []
    run = runner.Pool.run

    def counted(self: Any, points: Any) -> Any:
        for outcome in run(self, points):
            ran.append(outcome.number)
            yield outcome

    monkeypatch.setattr(runner.Pool, "run", counted)
    sweep(study, workers=1, out=tmp_path)
    assert len(ran) == 4
    assert (tmp_path / "points.parquet").read_bytes() == table
    sweep(study, workers=1, out=tmp_path)
    assert len(ran) == 4


def test_results_from_before_an_edit_of_the_code_are_not_taken_for_those_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = grid(rows=[4])
    sweep(study, workers=1, out=tmp_path)
    kept = (tmp_path / NAME).read_bytes()
    monkeypatch.setattr(runner, "code_digest", lambda: "0" * 32)
    said = f"results of tandemsim {__version__} from before its code was edited"
    with pytest.raises(FolderError) as refused:
        sweep(study, workers=1, out=tmp_path)
    assert str(refused.value) == f"{str(tmp_path)!r} holds {said}; name another folder"
    assert (tmp_path / NAME).read_bytes() == kept


def test_a_disk_that_is_full_ends_the_sweep_and_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pools = []
    close = runner.Pool.close

    def closed(self: Any) -> None:
        pools.append([process.process for process in self._processes])
        close(self)

    def on_first(what: str, done: int, total: int) -> None:
        if (what, done) == (POINTS, 1):
            monkeypatch.setattr(os, "fdatasync", full)

    monkeypatch.setattr(runner.Pool, "close", closed)
    with pytest.raises(FileError) as refused:
        sweep(grid(rows=[4, 8]), workers=1, out=tmp_path, progress=on_first)
    assert str(refused.value) == f"cannot write {str(tmp_path / NAME)!r}: No space left on device"
    assert [[process.poll() for process in processes] for processes in pools] == [[-9]]


def test_another_pareto_takes_the_points_that_are_there(tmp_path: Path) -> None:
    study = grid(rows=[4, 8])
    sweep(study, workers=1, out=tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    other = {**study, "pareto": ["cycles", "bytes"]}
    found = sweep(other, workers=1, out=tmp_path)
    assert (tmp_path / NAME).read_bytes() == whole
    assert found.table.equals(sweep(other, workers=1).table, check_metadata=True)


@pytest.mark.parametrize("name", ["points.parquet", "pareto.html", "pareto.png"])
def test_a_file_of_the_same_name_that_is_not_of_a_sweep_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(FolderError) as refused:
        sweep(grid(rows=[4]), workers=1, out=tmp_path)
    said = f"{str(tmp_path)!r} holds {name}, which is not of this study; name another folder"
    assert str(refused.value) == said
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


def test_a_study_from_python_may_have_arrays_and_numbers_of_numpy() -> None:
    own = grid(rows=[4, 8], clock_hz=[10**9], batch=[1])
    numpys = grid(rows=np.array([4, 8]), clock_hz=np.int64(10**9), batch=[np.int32(1)])
    plain, found = read_study(own), read_study(numpys)
    assert (found.grid, found.size) == (plain.grid, plain.size)
    assert [type(value) for values in found.grid.values() for value in values] == [str, int, int, int, int]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"workers": "2"}, "workers must be an integer or None, not '2'"),
        ({"workers": 1.5}, "workers must be an integer or None, not 1.5"),
        ({"workers": True}, "workers must be an integer or None, not True"),
        ({"point_timeout": "2"}, "point_timeout must be a number or None, not '2'"),
        ({"cluster": 3}, "cluster must be a string or None, not 3"),
        ({"out": 3}, "out must be a path or None, not 3"),
    ],
)
def test_an_argument_of_the_wrong_type_is_one_message(words: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError) as refused:
        ts.sweep(grid(rows=[4]), **words)
    assert str(refused.value) == said
    with pytest.raises(TypeError) as refused:
        ts.sweep(3)  # type: ignore[arg-type]
    assert str(refused.value) == "study must be a file or a mapping, not 3"


def test_progress_may_be_bars_as_of_a_run() -> None:
    assert column(ts.sweep(grid(rows=[4]), workers=1, progress=True), "status") == ["ok"]


def test_the_file_is_the_table_and_names_its_study(tmp_path: Path) -> None:
    result = sweep(grid(rows=[4, 8]), workers=1, out=tmp_path)
    read = pq.read_table(tmp_path / "points.parquet")
    assert read.equals(result.table, check_metadata=True)
    assert set(read.schema.metadata) == {b"schema", b"study", b"version", b"pareto"}


def test_points_of_different_work_share_no_front() -> None:
    result = sweep(grid(rows=[4, 8], batch=[1, 2], heads=[1, 3]), workers=2)
    titles = sorted(front.title for front in result.fronts)
    assert titles == [f"{WORK}, heads {heads}, batch {batch}" for heads in (1, 3) for batch in (1, 2)]
    assert all(len(front.points) == 2 for front in result.fronts)


def test_progress_counts_points(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    sweep(grid(rows=[4, 8]), workers=1, out=tmp_path, progress=lambda *what: told.append(what))
    of_points = [told_of for told_of in told if told_of[0] == POINTS]  # kernels may be compiled first
    assert of_points == [("points", 0, 2), ("points", 1, 2), ("points", 2, 2)]


def test_the_front_compares_areas_of_one_basis() -> None:
    """Of 32 rows the published circuit has a published area, smaller than what is counted for 16 rows."""
    study = {"pareto": ["cycles", "area"], "grid": {"pattern": "sliding:256,33", "preset": "salo-dac22"}}
    study["grid"]["rows"] = [16, 32]
    table = sweep(study, workers=1).table
    published, counted = table["area_mm2"].to_pylist(), table["area_estimate_mm2"].to_pylist()
    assert published[0] > published[1] and counted[0] < counted[1]
    assert table["on_front"].to_pylist() == [True, True]

"""What ``sim run`` writes: whole files or none, in place where a rename would be wrong, and nothing else."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim import run as sim_run
from tandemsim.sim.machines.salo import outcome as run_salo
from tandemsim.sim.report import html as report_html
from tandemsim.sim.report import timeline
from tandemsim.sim.shell import files

FOLDER = {"report.json", "report.html", "ops.parquet", "timeline.json.gz"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_by_rename(command: Any, place: Path) -> None:
    (place / "r.json").write_bytes(b"old")
    with open(place / "r.json", "rb") as reader:
        assert command("run", "small.json", "--quiet", "--json", "r.json").code == 0
        assert reader.read() == b"old"
    assert json.loads((place / "r.json").read_bytes())["workload"] == "small"
    assert names(place) == {"small.json", "r.json"}


def test_a_folder_holds_what_the_contract_says_and_the_same_as_the_files(command: Any, place: Path) -> None:
    files_asked = ("--json", "r.json", "--timeline", "t.json.gz", "--out", "deep/out")
    assert "written to deep/out" in command("run", "small.json", *files_asked).text
    out = place / "deep" / "out"
    assert {name for name in names(out) if not name.endswith(".png")} == FOLDER
    assert len(names(out) - FOLDER) >= 2
    assert (out / "report.json").read_bytes() == (place / "r.json").read_bytes()
    assert (out / "timeline.json.gz").read_bytes() == (place / "t.json.gz").read_bytes()


def test_a_timeline_is_gzip_where_its_name_says_so_and_the_same_events(command: Any, place: Path) -> None:
    command("run", "small.json", "--quiet", "--timeline", "t.json")
    command("run", "small.json", "--quiet", "--timeline", "t.json.gz")
    events = json.loads((place / "t.json").read_bytes())
    assert json.loads(gzip.decompress((place / "t.json.gz").read_bytes())) == events
    tiles = sum(op["tiles"] for op in command("run", "small.json", "--json", "-").json["ops"])
    assert sum(event["name"] == "tile" for event in events["traceEvents"]) == tiles


def test_a_run_that_asks_for_no_picture_makes_none(
    command: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("a timeline was made")  # by far the largest part of a long run's memory

    monkeypatch.setattr(run_salo, "timeline", never)
    monkeypatch.setattr(run_salo, "activity", never)
    assert command("run", "small.json", "--json", "r.json").code == 0
    with pytest.raises(AssertionError, match="a timeline was made"):
        command("run", "small.json", "--timeline", "t.json")


def test_in_a_folder_that_is_there_other_files_stay(command: Any, place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "mine.txt").write_text("mine")
    (place / "out" / "report.json").write_text("old")
    command("run", "small.json", "--quiet", "--out", "out")
    assert (place / "out" / "mine.txt").read_text() == "mine"
    assert (place / "out" / "report.json").read_text() != "old" and names(place / "out") > FOLDER


@pytest.mark.parametrize("option", ["--json", "--timeline"])
def test_a_pipe_is_written_in_place(command: Any, place: Path, option: str) -> None:
    os.mkfifo(place / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=place, stdout=subprocess.PIPE)
    assert command("run", "small.json", "--quiet", option, "pipe").code == 0
    json.loads(reader.communicate(timeout=60)[0])
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)


def test_a_device_stays_a_device(command: Any, place: Path) -> None:
    assert command("run", "small.json", "--quiet", "--json", "/dev/null", "--timeline", "/dev/null").code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_link_is_followed(command: Any, place: Path) -> None:
    (place / "there").mkdir()
    (place / "r.json").symlink_to("there/r.json")
    command("run", "small.json", "--quiet", "--json", "r.json")
    assert (place / "r.json").is_symlink() and (place / "there" / "r.json").stat().st_size > 1000


def test_a_redirected_stdout_by_its_name_is_not_replaced(process: Any, command: Any, place: Path) -> None:
    with open(place / "all.txt", "w+b") as stream:
        done = process("run", "small.json", "--quiet", "--json", "/dev/stdout", stdout=stream)
        assert (done.returncode, done.stderr) == (0, b"")
        assert os.path.samestat(os.fstat(stream.fileno()), (place / "all.txt").stat())
    assert (place / "all.txt").read_bytes() == command("run", "small.json", "--json", "-").out


def test_a_timeline_on_stdout_stands_alone(command: Any, place: Path) -> None:
    answer = command("run", "small.json", "--timeline", "-", "--json", "r.json")
    assert answer.json["traceEvents"] and (place / "r.json").exists()


@pytest.mark.parametrize(
    "option, target, says",
    [
        ("--json", "no/r.json", "cannot write 'no/r.json': the folder '.*no' does not exist"),
        ("--json", "small.json/r.json", "cannot write 'small.json/r.json': '.*small.json' is not a folder"),
        ("--json", ".", r"an output file must be a file, not the folder '\.'"),
        ("--json", "", "an output file must have a name, not ''"),
        ("--json", "x" * 300, "cannot write 'x+[.]{3}x+': File name too long"),
        ("--timeline", "no/t.json.gz", "cannot write 'no/t.json.gz': the folder '.*no' does not exist"),
        ("--timeline", "..", r"an output file must be a file, not the folder '\.\.'"),
        ("--timeline", "", "an output file must have a name, not ''"),
        ("--timeline", "x" * 300, "cannot write 'x+[.]{3}x+': File name too long"),
        ("--out", "small.json", "an output folder must be a folder, not the file 'small.json'"),
        ("--out", "small.json/a/b", "cannot write 'small.json/a/b': '.*small.json' is not a folder"),
        ("--out", "/dev/full", "an output folder must be a folder, not the file '/dev/full'"),
        ("--out", "", "an output folder must have a name, not ''"),
        ("--out", "x" * 300, "cannot write 'x+[.]{3}x+': File name too long"),
    ],
)
def test_an_unwritable_target_is_found_before_the_run(
    refused: Any, monkeypatch: pytest.MonkeyPatch, option: str, target: str, says: str
) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("the run began")

    monkeypatch.setattr(sim_run, "simulate", never)
    message = refused("run", "small.json", option, target)
    assert re.fullmatch(f"tandem: {says}\n", message), message


@pytest.mark.parametrize("option", ["--json", "--timeline", "--out"])
def test_a_folder_without_permission_is_found_before_the_run(
    refused: Any, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)  # tests may run as root, whom all obey
    assert "is not writable" in refused("run", "small.json", option, "r")


@pytest.mark.parametrize("option", ["--json", "--timeline"])
def test_a_full_device_is_one_line(refused: Any, option: str) -> None:
    message = refused("run", "small.json", option, "/dev/full")
    assert message == "tandem: cannot write '/dev/full': No space left on device\n"


def test_a_disk_that_fills_up_leaves_the_old_files(
    refused: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> Any:
        yield "{}"
        raise OSError(errno.ENOSPC, "No space left on device")

    (place / "t.json").write_text("old")
    monkeypatch.setattr(timeline, "_body", full)
    message = refused("run", "small.json", "--timeline", "t.json")
    assert message == "tandem: cannot write 't.json': No space left on device\n"


@pytest.mark.parametrize("there", [False, True])
def test_a_fault_while_a_folder_is_written_leaves_it_as_it_was(
    command: Any, place: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def broken(*arguments: object) -> str:
        raise RuntimeError("no page")

    if there:
        (place / "out").mkdir()
        (place / "out" / "report.json").write_text("old")
    monkeypatch.setattr(report_html, "report_html", broken)
    with pytest.raises(RuntimeError, match="no page"):
        command("run", "small.json", "--out", "out")
    assert names(place) == ({"small.json", "out"} if there else {"small.json"})
    assert not there or (place / "out" / "report.json").read_text() == "old"


@pytest.mark.parametrize(
    "arguments", [("run", "small.json"), ("run", "small.json", "--json", "-"), ("list",)]
)
def test_a_full_stdout_is_one_line(process: Any, place: Path, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = process(*arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr == b"tandem: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    "options", [("--json", "r"), ("--json", "-", "--timeline", "r"), ("--timeline", "-", "--json", "r")]
)
def test_a_reader_may_stop_early_and_the_files_are_still_written(
    process: Any, place: Path, options: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = process("run", "small.json", *options, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    json.loads((place / "r").read_bytes())


def test_a_closed_stdout_is_one_line_and_a_closed_stderr_no_fault(process: Any, place: Path) -> None:
    closed = process("run", "small.json", stdout=None, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 2
    assert closed.stderr == b"tandem: cannot write to standard output: it is closed\n"
    silent = process("run", "small.json", "--json", "-", preexec_fn=lambda: os.close(2))
    assert silent.returncode == 0 and json.loads(silent.stdout)
    assert process("run", "nothing", preexec_fn=lambda: os.close(2)).stdout == b""


def test_names_that_are_no_utf_8_are_replaced_in_what_is_written(command: Any, place: Path) -> None:
    name = os.fsdecode(b"m\xff")
    (place / f"{name}.json").write_bytes((place / "small.json").read_bytes())
    answer = command("run", f"{name}.json", "--json", f"{name}.out", "--out", name)
    assert (answer.code, answer.err) == (0, "")
    assert json.loads((place / f"{name}.out").read_bytes())["workload"] == "m\ufffd"
    assert answer.text.splitlines()[-1].startswith("written to m\ufffd: open report.html")


def test_text_fits_a_stdout_of_ascii(process: Any, place: Path) -> None:
    done = process("run", "small.json", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0 and done.stdout.decode("ascii").startswith("small on salo")

"""Where a command is to write: what cannot be is one line before any run, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim import run as runs
from tandemsim.sim.comparison.folder import FILES as COMPARISON_FILES
from tandemsim.sim.report.folder import FILES as REPORT_FILES

COMMANDS = {
    "run": (("run", "small.json"), REPORT_FILES),
    "compare": (("compare", "small.json", "--vary", "rows=8,16"), COMPARISON_FILES),
}
FILE_OPTIONS = [("run", "--json"), ("run", "--timeline"), ("compare", "--json")]


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is simulated."""

    def simulated(*arguments: object) -> Any:
        raise AssertionError("a run began")

    monkeypatch.setattr(runs, "simulate", simulated)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command, option", FILE_OPTIONS)
@pytest.mark.parametrize("out, file", [("new", "new"), ("./new", "new/"), ("new/x", "new"), ("a/b/c/d", "a")])
def test_a_file_where_the_folder_will_be_is_refused(
    refused: Any, place: Path, command: str, option: str, out: str, file: str
) -> None:
    said = refused(*COMMANDS[command][0], "--out", out, option, file)
    assert said == f"tandem: {option} cannot be the file {file!r}: --out {out!r} makes a folder of it\n"


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command, option", FILE_OPTIONS)
def test_a_link_to_the_folder_is_the_folder(refused: Any, place: Path, command: str, option: str) -> None:
    (place / "link").symlink_to("new")
    assert "makes a folder of it" in refused(*COMMANDS[command][0], "--out", "new", option, "link")


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command, option", FILE_OPTIONS)
def test_a_file_that_the_folder_gets_as_well_is_refused(
    refused: Any, place: Path, command: str, option: str
) -> None:
    (place / "out").mkdir()
    for name in COMMANDS[command][1]:
        said = refused(*COMMANDS[command][0], "--out", "out", option, f"out/{name}")
        assert said == f"tandem: {option} cannot be the file 'out/{name}': --out 'out' writes that one too\n"


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_where_a_file_will_be_is_refused(refused: Any, place: Path, command: str) -> None:
    for name in COMMANDS[command][1]:
        (place / "out" / name).mkdir(parents=True)
        said = refused(*COMMANDS[command][0], "--out", "out")
        assert said == f"tandem: cannot write 'out/{name}': it is a folder\n"
        (place / "out" / name).rmdir()


@pytest.mark.parametrize("words, files", COMMANDS.values(), ids=COMMANDS)
def test_the_folder_gets_no_other_files_and_may_have_files_beside_them(
    command: Any, place: Path, words: tuple[str, ...], files: tuple[str, ...]
) -> None:
    (place / "out").mkdir()
    answer = command(*words, "--out", "out", "--json", "out/mine", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    assert {path.name for path in (place / "out").iterdir()} <= {"mine", *files}

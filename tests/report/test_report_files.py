import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.shell import files
from tandemsim.sim.shell.files import (
    FileError,
    require_writable_file,
    require_writable_folder,
    written,
    written_folder,
)

ROOT = Path(__file__).parents[2]


class HalfwayError(Exception):
    pass


def fail_halfway(path: Path) -> None:
    with written(path) as stream:
        stream.write(b"half")
        raise HalfwayError


def fill(folder: Path, *names: str, error: Exception | None = None) -> None:
    with written_folder(folder) as place:
        for name in names:
            (place / name).write_bytes(b"new")
        if error:
            raise error


def test_content_appears_under_its_name(tmp_path: Path) -> None:
    with written(tmp_path / "a.json") as stream:
        stream.write(b"new")
        assert not (tmp_path / "a.json").exists()
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_who_has_the_old_file_open_still_reads_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with open(tmp_path / "a", "rb") as reader:
        with written(tmp_path / "a") as stream:
            stream.write(b"new")
        assert reader.read() == b"old"


def test_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(HalfwayError):
        fail_halfway(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_failure_in_the_middle_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(HalfwayError):
        fail_halfway(tmp_path / "a.json")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line_for_the_user(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match=r"cannot write '.*a\.json': No space left on device"),
        written(tmp_path / "a.json"),
    ):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_file_errors_are_the_users() -> None:
    assert issubclass(FileError, UserError)


def test_permissions_are_those_of_the_umask_and_are_kept(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with written(tmp_path / "a") as stream:
            stream.write(b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "a").chmod(0o604)
    with written(tmp_path / "a") as stream:
        stream.write(b"2")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    with written(tmp_path / "link") as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"new"


def test_a_pipe_is_written_in_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    with written(tmp_path / "pipe") as stream:
        stream.write(b"through")
    assert reader.communicate(timeout=20)[0] == b"through"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_standard_output_is_written_in_place(target: str) -> None:
    program = "from tandemsim.sim.shell.files import written\n"
    program += f"with written({target!r}) as stream: stream.write(b'out')"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert (run.stdout, run.stderr) == (b"out", b"")


def test_missing_folders_of_a_file_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file or directory"), written(tmp_path / "no" / "a"):
        pass
    with pytest.raises(FileError, match=r"the folder '.*no' does not exist"):
        require_writable_file(tmp_path / "no" / "a")
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FileError):
            require_writable_folder(path)
        with pytest.raises(FileError):
            fill(path, "a")
    with pytest.raises(FileError, match="is not a folder"):
        require_writable_file(tmp_path / "file" / "below")


def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not the folder"):
        require_writable_file(tmp_path)
    with pytest.raises(FileError, match="Is a directory"), written(tmp_path):
        pass


def test_folders_that_cannot_be_written_are_refused_beforehand(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)  # tests may run as root, whom all obey
    with pytest.raises(FileError, match=r"cannot write '.*out': the folder '.*' is not writable"):
        require_writable_folder(tmp_path / "deep" / "out")
    with pytest.raises(FileError, match="is not writable"):
        require_writable_file(tmp_path / "a.json")


def test_asking_creates_nothing(tmp_path: Path) -> None:
    require_writable_folder(tmp_path / "deep" / "out")
    require_writable_file(tmp_path / "a.json")
    for target in ("-", "/dev/stdout", "/dev/null"):
        require_writable_file(target)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "deep/\ud800/a"])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    asked = [require_writable_file, require_writable_folder, fill, fail_halfway]
    for ask in asked:
        with pytest.raises(FileError, match="cannot write '.*': a file cannot have that name"):
            ask(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    with written_folder(tmp_path / "deep" / "out") as place:
        (place / "a").write_bytes(b"1")
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out" / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path / "deep") == ["out"]


def test_failure_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(HalfwayError):
        fill(tmp_path / "out", "a", error=HalfwayError())
    assert os.listdir(tmp_path) == []


def test_an_old_folder_keeps_what_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "mine").write_bytes(b"mine")
    fill(tmp_path, "a", "b")
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert content == {"a": b"new", "b": b"new", "mine": b"mine"}


def test_failure_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(HalfwayError):
        fill(tmp_path, "a", error=HalfwayError())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_nothing_is_replaced_where_one_name_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(FileError, match="it is a folder"):
        fill(tmp_path, "a", "b")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]

"""tools/environment.py: what is installed once is not installed again, and failures are one clear line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import environment
import pytest


class Recorder:
    """Stands for the programs that would be started: notes each command, and answers as told."""

    def __init__(self, answer: Callable[[list[str]], bool] = lambda command: True) -> None:
        self.commands: list[list[str]] = []
        self.answer = answer

    def __call__(self, command: list[str]) -> bool:
        self.commands.append(command)
        return self.answer(command)

    @property
    def installs(self) -> list[list[str]]:
        return [command for command in self.commands if "install" in command]


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that seems to exist, with uv out of reach."""
    monkeypatch.setattr(environment, "runs", lambda venv: True)
    monkeypatch.setattr(environment.shutil, "which", lambda program: None)
    monkeypatch.setattr(environment, "has_pip", lambda python: True)
    (tmp_path / "bin").mkdir()
    return tmp_path


def record(monkeypatch: pytest.MonkeyPatch, answer: Callable[[list[str]], bool] = lambda _: True) -> Recorder:
    recorder = Recorder(answer)
    monkeypatch.setattr(environment, "succeeds", recorder)
    return recorder


def test_the_second_call_installs_nothing(
    venv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = record(monkeypatch)
    environment.prepare(venv, ["core", "test"])
    assert len(recorder.installs) == 2
    assert "Installing core dependencies into" in capsys.readouterr().out
    environment.prepare(venv, ["core", "test"])
    assert len(recorder.installs) == 2
    assert capsys.readouterr().out == ""


def test_a_changed_pin_installs_again(
    venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    recorder = record(monkeypatch)
    environment.prepare(venv, ["core"])
    changed = tmp_path_factory.mktemp("changed") / "constraints.txt"
    changed.write_text(environment.CONSTRAINTS.read_text().replace("numpy==", "numpy==9."))
    monkeypatch.setattr(environment, "CONSTRAINTS", changed)
    environment.prepare(venv, ["core"])
    assert len(recorder.installs) == 2


def test_a_failed_install_is_tried_again(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = record(monkeypatch, lambda command: False)
    for attempt in (1, 2):
        with pytest.raises(environment.InstallError, match=r"^could not install numpy.*stands above$"):
            environment.prepare(venv, ["core"])
        assert len(recorder.installs) == attempt


def test_pip_takes_over_where_uv_fails(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "which", lambda program: "/bin/" + program)
    recorder = record(monkeypatch, lambda command: command[0] != "/bin/uv")
    environment.install(venv, ["numpy"])
    by_uv, by_pip = recorder.installs
    assert by_uv[:3] == ["/bin/uv", "pip", "install"]
    assert by_pip[1:4] == ["-m", "pip", "install"]
    constraint = ["--constraint", str(environment.CONSTRAINTS), "numpy"]
    assert by_uv[-3:] == by_pip[-3:] == constraint


def test_pip_is_made_where_uv_left_none(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "has_pip", lambda python: False)
    recorder = record(monkeypatch)
    environment.install(venv, ["numpy"])
    assert recorder.commands[0][1:3] == ["-m", "ensurepip"]


def test_a_python_that_cannot_make_environments_is_one_line(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(monkeypatch, lambda command: False)
    with pytest.raises(environment.InstallError, match="python3-venv"):
        environment.create(venv)


def test_an_old_python_is_refused_by_version() -> None:
    with pytest.raises(environment.InstallError, match=r"^Python must be 3\.11 or newer, not 3\.9\.2;"):
        environment.check_version((3, 9, 2))
    environment.check_version((3, 11, 0))


def test_an_unknown_group_names_the_known_ones() -> None:
    known = "core, cluster, test, models, onnx, quantize, rtl, cosim, synth, docs, lint"
    with pytest.raises(environment.InstallError, match=rf"'tset'; known: {known}$"):
        environment.requirements("tset")


def test_a_folder_without_a_python_does_not_run(tmp_path: Path) -> None:
    assert not environment.runs(tmp_path)


def test_names_of_requirements() -> None:
    assert environment.name_of("pytest-xdist>=3") == "pytest-xdist"
    assert environment.name_of("Foo[bar]==1; python_version > '3'") == "foo"


def test_the_environment_has_the_package_and_the_command_of_this_checkout(
    venv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(monkeypatch)
    packages = venv / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    environment.prepare(venv, ["core"])
    assert [path.read_text() for path in packages.glob("*.pth")] == [f"{environment.ROOT}\n"]
    command = venv / "bin" / "tandem"
    command.write_text(command.read_text().replace(str(venv / "bin" / "python"), sys.executable))
    ran = subprocess.run([command, "list", "machines"], cwd=venv, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[0] == "salo"

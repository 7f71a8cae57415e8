"""Kernels that a second process compiles: taken from the cache by the first, begun by one process alone."""

import os
from pathlib import Path

import pytest

from tandemsim.sim.engine import beside
from tandemsim.sim.shell import modules, stopping
from tests.engine.package import ASK, ask

WARM = "from tandemsim.sim.kernel import run\n\nrun(1)\n"
WAIT = "from tandemsim.sim.engine.beside import compile_beside; compile_beside('tandemsim.sim.warm').wait()\n"


@pytest.fixture
def tree(package: Path) -> Path:
    """Return the package with our module, and one that calls its kernel."""
    (package / "sim/shell").mkdir(exist_ok=True)
    for module in (beside, stopping, modules):
        path = Path(module.__file__)
        (package / "sim" / path.parent.name / path.name).write_text(path.read_text())
    (package / "sim/warm.py").write_text(WARM)
    return package


def test_the_first_process_takes_what_the_second_has_compiled(tree: Path) -> None:
    assert ask(tree, WAIT + ASK) == "15 1"


def test_only_one_process_is_begun(tree: Path) -> None:
    assert ask(tree, WAIT + ASK) == "15 1"
    for path in (tree.parent / "cache").rglob("*.nb?"):
        path.unlink()
    assert ask(tree, WAIT + ASK) == "15 0"  # nobody has compiled for it


@pytest.mark.parametrize(
    "what", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 9)", "syntax error"]
)
def test_one_that_fails_is_no_loss(tree: Path, what: str) -> None:
    (tree / "sim/warm.py").write_text(what)
    assert ask(tree, WAIT + ASK) == "15 0"


def test_none_is_begun_where_nothing_is_compiled(tree: Path) -> None:
    began = tree / "began"
    (tree / "sim/warm.py").write_text(f"open({os.fspath(began)!r}, 'w')")
    ask(tree, WAIT, NUMBA_DISABLE_JIT="1")
    assert not began.exists()
    ask(tree, WAIT)
    assert began.exists()


def test_none_is_begun_where_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "cache_folder", lambda: None)
    monkeypatch.setattr(beside.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was begun"))
    beside.compile_beside("tandemsim.sim.memory.warm").wait()

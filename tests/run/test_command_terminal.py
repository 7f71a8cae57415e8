"""Progress: bars on a terminal's stderr, and never anywhere else."""

from __future__ import annotations

import os
import pty
import threading
from pathlib import Path
from typing import Any

import pytest


def on_terminal(process: Any, *arguments: object) -> tuple[Any, bytes]:
    """Run with a terminal as stderr; return the process and what the terminal showed."""
    outer, inner = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(outer, shown))  # or a full terminal stops the process
    reader.start()
    done = process(*arguments, stderr=inner, env={"TERM": "xterm", "COLUMNS": "80"})
    os.close(inner)
    reader.join()
    os.close(outer)
    return done, b"".join(shown)


def read_all(terminal: int, shown: list[bytes]) -> None:
    try:
        while part := os.read(terminal, 65536):
            shown.append(part)
    except OSError:  # the end of a terminal
        pass


def test_a_terminal_sees_bars_and_stdout_does_not(process: Any, command: Any, place: Path) -> None:
    done, shown = on_terminal(process, "run", "small.json", "--functional", "--json", "-")
    assert b"layers" in shown and b"heads" in shown
    assert done.returncode == 0
    assert done.stdout == command("run", "small.json", "--functional", "--json", "-").out


def test_quiet_shows_a_terminal_nothing(process: Any, place: Path) -> None:
    done, shown = on_terminal(process, "run", "small.json", "--functional", "--quiet")
    assert (done.returncode, done.stdout, shown) == (0, b"", b"")


def test_a_mistake_is_one_line_on_a_terminal_too(process: Any, place: Path) -> None:
    done, shown = on_terminal(process, "run", "small.json", "--set", "rowz=4")
    assert done.returncode == 2
    assert shown == b"tandem: unknown config key 'rowz'; did you mean 'rows'?\r\n"


@pytest.mark.parametrize("options", [(), ("--functional",), ("--batch", 2)])
def test_no_bars_without_a_terminal(process: Any, place: Path, options: tuple[object, ...]) -> None:
    done = process("run", "small.json", *options)
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout


def test_a_run_that_must_compile_says_so_once_on_a_terminal(
    process: Any, place: Path, monkeypatch: Any
) -> None:
    """A head that does not fit is refused after that, and before anything is compiled."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert process("run", "small.json", "--quiet").returncode == 0  # with the kernels of all tests
    warm = on_terminal(process, "run", "small.json", "--json", "-")
    assert b"compiling" not in warm[1] and warm[0].stdout
    monkeypatch.setenv("TANDEM_CACHE_DIR", str(place / "cache"))
    cold = on_terminal(process, "run", "small.json", "--set", "array.head_dim=1")
    assert cold[1].count(b"compiling kernels, once") == 1 and cold[0].returncode == 2
    assert list((place / "cache").rglob("*.nbi")) == []
    silent = process("run", "small.json", "--set", "rowz=1")
    assert b"compiling" not in silent.stderr


def test_a_sweep_tells_a_terminal_its_rate_and_the_time_left(process: Any, place: Path) -> None:
    (place / "study.toml").write_text(
        '[grid]\nworkload = "small.json"\nrows = [2, 4, 6, 8, 10, 12]\ncols = [2, 4, 6, 8]\n'
    )
    done, shown = on_terminal(process, "sweep", "study.toml", "--workers", 1, "--out", "out")
    assert done.returncode == 0 and b"24 points" in done.stdout
    assert b"/24" in shown and b"points/s" in shown and b"left" in shown
    silent = process("sweep", "study.toml", "--workers", 1, "--out", "out", env={"COLUMNS": "80"})
    assert (silent.returncode, silent.stderr) == (0, b"") and silent.stdout == done.stdout

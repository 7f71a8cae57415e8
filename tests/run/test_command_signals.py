"""Signals: a command ends at once, in one line, with nothing left; a program keeps its own handlers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.run import Request, simulate
from tandemsim.sim.shell.stopping import interrupts_held
from tandemsim.sim.shell.temporaries import LEFT, temporary_file, temporary_folder
from tests.run.signals import OUTPUTS, ROOT, SIGNALS, faults_of_signals, fresh, start, stopped

ENDLESS = """
from tandemsim.sim.shell.stopping import stop_at_once
stop_at_once("tandem")
from tandemsim.sim.engine.jit import jit
@jit
def spin(start):
    count = start
    while count >= 0:
        count += 1 - (count & 2)
    return count
spin(-1)
print("compiled", flush=True)
spin(1)
"""


def wait_for(holds: Any) -> Any:
    """Return what `holds` returns once that is true."""
    for _ in range(6000):
        if found := holds():
            return found
        time.sleep(0.01)
    raise AssertionError("never")


def parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(".*") if LEFT.fullmatch(path.name))


@pytest.mark.slow
def test_signals_at_random_moments_end_a_run_in_one_line_and_leave_nothing(
    tmp_path: Path, trace_file: Path
) -> None:
    assert faults_of_signals(8, 11, tmp_path, ("run", str(trace_file), *OUTPUTS)) == []


@pytest.mark.parametrize("which", SIGNALS)
def test_a_kernel_that_never_ends_is_stopped_at_once(which: signal.Signals) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline() == b"compiled\n"
    process.send_signal(which)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (SIGNALS[which], b"tandem: stopped\n")


def test_a_signal_that_is_ignored_from_the_start_stays_ignored(place: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "run", "small.json", "--quiet", "--json", "r.json"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as nohup does
        stderr=subprocess.PIPE,
    )
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert process.communicate()[1] == b"" and process.returncode == 0
    assert (place / "r.json").exists()


@pytest.mark.parametrize("there", [False, True])
def test_what_a_killed_run_left_is_removed_by_the_next_and_that_of_a_living_one_is_not(
    process: Any, place: Path, there: bool
) -> None:
    parent = place
    if there:
        parent = place / "out"
        parent.mkdir()
    killed = start(place, ("run", "small.json", "--quiet", "--out", "out"))
    wait_for(lambda: parts(parent))
    killed.kill()
    killed.communicate()
    assert len(parts(parent)) == 1
    with temporary_folder(parent) as folder, temporary_file(parent) as file:
        assert process("run", "small.json", "--quiet", "--out", "out").returncode == 0
        assert parts(parent) == sorted((folder, file))
    assert parts(parent) == []
    assert (place / "out" / "report.html").exists()


def test_folders_that_were_made_on_the_way_go_too(place: Path) -> None:
    stopped = start(place, ("run", "small.json", "--quiet", "--out", "deep/er/out"))
    wait_for(lambda: parts(place / "deep" / "er"))
    stopped.terminate()
    assert stopped.communicate()[1] == b"tandem: stopped\n"
    assert {path.name for path in place.iterdir()} == {"small.json"}


def test_the_process_that_compiles_beside_ends_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_CACHE_DIR", str(place / "cache"))
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    process = start(place, ("run", "small.json", "--quiet"))
    wait_for(lambda: list(place.rglob("*.begun")))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    (child,) = wait_for(lambda: children.read_text().split())
    process.terminate()
    assert process.communicate(timeout=60)[1] == b"tandem: stopped\n"
    assert not Path(f"/proc/{child}").exists()
    assert list(place.rglob("*.begun")) == []  # or no later run would compile beside


def test_a_terminal_has_its_cursor_back(place: Path) -> None:
    import pty

    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "run", "longformer-16k", "--functional"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=inner,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(inner)
    shown = b""
    while b"layers" not in shown:
        shown += os.read(outer, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while part := os.read(outer, 65536):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(outer)
    assert process.wait(timeout=20) == 130
    hidden, back = shown.rindex(b"\x1b[?25l"), shown.rindex(b"\x1b[?25h")
    assert hidden < back and shown.endswith(b"tandem: stopped\r\n")


@pytest.fixture
def handler() -> Iterator[list[int]]:
    """The numbers of the signals that a handler of a program's own has seen."""
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGINT, before)


def test_a_held_interrupt_reaches_the_programs_own_handler_once_and_late(handler: list[int]) -> None:
    own = signal.getsignal(signal.SIGINT)
    with interrupts_held() as let_go:
        let_go()
        assert handler == []
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert handler == []
        let_go()
        assert handler == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    assert handler == [signal.SIGINT] * 2
    assert signal.getsignal(signal.SIGINT) is own


def test_outside_the_main_thread_nothing_is_held(handler: list[int]) -> None:
    own = signal.getsignal(signal.SIGINT)
    seen = []

    def other() -> None:
        with interrupts_held() as let_go:
            let_go()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [own]


def test_ctrl_c_in_a_program_stops_its_simulation_between_layers(place: Path) -> None:
    stages = []

    def progress(what: str, done: int, total: int) -> None:
        if what == "layers":
            stages.append(done)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            simulate(Request(workload="small.json"), progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stages == [1]  # of two layers


def test_importing_changes_no_handler() -> None:
    asked = "import signal; a = [signal.getsignal(n) for n in (2, 15, 1)];"
    asked += " import tandemsim.sim.__main__, tandemsim.sim.run, tandemsim.sim.machines.salo.outcome;"
    asked += "assert a == [signal.getsignal(n) for n in (2, 15, 1)]; assert signal.set_wakeup_fd(-1) == -1"
    subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "module, arguments",
    [
        ("traces", ("convert", "longformer-large", "--out", "t.csv")),
        ("rtl.build", ("exp_unit", "--set", "rows=2", "--set", "cols=2", "--out", "out")),
    ],
)
def test_signals_end_the_other_commands_in_the_same_way(
    tmp_path: Path, module: str, arguments: tuple[str, ...]
) -> None:
    if module == "rtl.build":
        pytest.importorskip("amaranth")
    for number, which in enumerate(SIGNALS):
        place = fresh(tmp_path, older=False)
        assert list(stopped(place, arguments, which, 0.02 + 0.2 * number, module)) == []


@pytest.mark.parametrize("which", SIGNALS)
def test_a_signal_that_waited_for_the_handler_ends_the_command(which: signal.Signals) -> None:
    code = "import os, signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [2, 15]);"
    code += f"os.kill(os.getpid(), {int(which)}); from tandemsim.sim.shell.stopping import stop_at_once;"
    code += "stop_at_once('tandem'); time.sleep(20)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (SIGNALS[which], b"tandem: stopped\n")

"""The command `sweep`: what it prints and writes, what it refuses, and that a signal loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
Refused = Callable[..., str]
STUDY = """\
[grid]
workload = "small.json"
rows = [4, 8]
cols = [3, 4]
"""


@pytest.fixture
def study(place: Path) -> Path:
    path = place / "study.toml"
    path.write_text(STUDY)
    return path


def test_a_sweep_prints_how_it_ended_and_its_front_and_writes_all(
    study: Path, command: Callable[..., object]
) -> None:
    answer = command("sweep", study, "--out", "out", "--workers", 2)
    assert (answer.code, answer.err) == (0, "")  # type: ignore[attr-defined]
    text = answer.text  # type: ignore[attr-defined]
    assert text.startswith("study, 4 points: 2 ok, 2 invalid\n")
    assert "array.cols must be a multiple of column_segments (2), not 3" in text
    assert "Pareto front of cycles, energy and area: " in text and "of small, " in text
    assert text.endswith("written to out: points.parquet; open pareto.html\n")
    assert sorted(os.listdir("out")) == ["pareto.html", "pareto.png", "points.journal", "points.parquet"]
    assert pq.read_table("out/points.parquet")["rows"].to_pylist() == [4, 4, 8, 8]


def test_results_go_to_a_folder_named_after_the_study(study: Path, command: Callable[..., object]) -> None:
    answer = command("sweep", study, "--quiet", "--workers", 1)
    assert (answer.code, answer.out, answer.err) == (0, b"", "")  # type: ignore[attr-defined]
    assert Path("build/results/study/points.parquet").exists()


def test_trace_files_are_named_from_the_folder_of_the_study(
    study: Path,
    command: Callable[..., object],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert command("sweep", study, "--quiet", "--workers", 1).code == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workers", "0"), "workers must be a positive integer up to 4096, not 0"),
        (("--workers", "two"), "argument --workers: invalid int value: 'two'; see tandem sweep --help"),
        (
            ("--point-timeout", "0"),
            "the point timeout must be a positive number of seconds up to 10,000,000, not 0.0",
        ),
        (
            ("--point-timeout", "nan"),
            "the point timeout must be a positive number of seconds up to 10,000,000, not nan",
        ),
        (("--cluster", "tcp://h:1", "--workers", "2"), "a sweep takes workers or a cluster, not both"),
        (("--cluster", "here"), "a cluster must be slurm or an address such as tcp://host:8786, not 'here'"),
        (("--out", "study.toml"), "an output folder must be a folder, not the file 'study.toml'"),
        (("--out", ""), "an output folder must have a name, not ''"),
    ],
)
def test_a_bad_option_is_one_line(study: Path, refused: Refused, words: tuple[str, ...], said: str) -> None:
    assert refused("sweep", study, *words) in (f"tandem: {said}\n", f"tandem sweep: {said}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STUDY.replace("rows", "rwos"), "study.toml, line 3: unknown key 'rwos'; did you mean 'rows'"),
        (STUDY.replace("small", "smal"), "study.toml, line 2: "),
        (
            STUDY + "machine = 'sallo'\n",
            "study.toml, line 5: unknown machine 'sallo'; did you mean 'salo' or",
        ),
        ("", "a study must have points"),
        ("[grid", "is not TOML"),
    ],
)
def test_a_bad_study_is_one_line(study: Path, refused: Refused, text: str, said: str) -> None:
    study.write_text(text)
    assert said in refused("sweep", study)


def test_a_study_that_is_not_there_is_one_line(place: Path, refused: Refused) -> None:
    assert "there is no study 'none.toml'" in refused("sweep", "none.toml")


def test_results_of_another_study_stay(study: Path, command: Callable[..., object], refused: Refused) -> None:
    command("sweep", study, "--out", "out", "--quiet", "--workers", 1)
    study.write_text(STUDY.replace("8", "16"))
    assert "'out' holds the results of another study; name another folder" in refused(
        "sweep", study, "--out", "out"
    )
    Path("out/points.journal").unlink()
    assert "holds points.parquet, which is not of this study" in refused("sweep", study, "--out", "out")


LONG = """\
[grid]
pattern = "longformer:1024,128"
batch = [1, 2, 3, 4]
rows = [4, 8, 12, 16, 20, 24, 28, 32]
cols = [4, 8, 12, 16, 20, 24, 28, 32]
"""


def start(study: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "sim",
        "sweep",
        str(study),
        "--workers",
        "2",
        "--quiet",
        "--out",
        "out",
        *words,
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def wait_for_points(count: int) -> int:
    journal = Path("out/points.journal")
    for _ in range(1200):
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        if lines > count:
            return lines - 1
        time.sleep(0.1)
    raise TimeoutError


def test_ctrl_c_keeps_what_is_done_and_ends_all_processes(study: Path) -> None:
    study.write_text(LONG)
    sweep = start(study)
    done = wait_for_points(3)
    children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children").read_text().split()
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=20)
    assert (sweep.returncode, err) == (130, b"tandem: stopped\n")
    assert children
    wait_for_end(children)
    assert sorted(os.listdir("out")) == ["points.journal"]
    assert wait_for_points(3) >= done


def test_processes_end_with_a_sweep_that_is_killed(study: Path) -> None:
    study.write_text(LONG)
    sweep = start(study)
    wait_for_points(1)
    children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children").read_text().split()
    sweep.kill()
    sweep.communicate()
    assert children
    wait_for_end(children)


def wait_for_end(pids: list[str]) -> None:
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running(pid: str) -> bool:
    """Whether a process is there, and more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_sweep_into_the_folder_is_one_line(study: Path, refused: Refused) -> None:
    study.write_text(LONG)
    sweep = start(study)
    try:
        wait_for_points(1)
        other = start(study)
        _, err = other.communicate(timeout=60)
        assert (other.returncode, err) == (2, b"tandem: another sweep is writing to 'out'\n")
    finally:
        sweep.kill()
        sweep.wait()

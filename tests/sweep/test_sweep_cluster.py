"""Sweeps on a real scheduler with three workers, of which some are killed, and on a Slurm that is made up."""

import logging
import os
import re
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandemsim.sim.run import WAITING
from tandemsim.sim.shell.version import __version__
from tandemsim.sim.sweep import cluster as clusters
from tandemsim.sim.sweep import runner
from tandemsim.sim.sweep.cluster import ClusterError
from tandemsim.sim.sweep.runner import SweepError, sweep
from tandemsim.sim.sweep.slurm import SlurmError, cluster_options
from tests.examples import ON_DEMAND
from tests.sweep import fake_slurm
from tests.sweep.clusters import LocalCluster

STUDY = {
    "grid": {
        "pattern": "sliding:128,32",
        "rows": [4, 6, 8, 12, 16],
        "cols": [2, 3, 4, 6, 8],
        "memory": ["ddr4-2400", "hbm2", "ideal"],
        "batch": [1, 2],
    }
}
POINTS = 5 * 5 * 3 * 2
RESULTS = ("points.parquet", "pareto.html", "pareto.png")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a sweep of this machine writes."""
    folder = tmp_path_factory.mktemp("local")
    sweep(STUDY, workers=2, out=folder)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cluster"), 3) as made:
        yield made


def assert_same(one: Path, other: Path) -> None:
    for name in RESULTS:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def at(point: int, act: Callable[[], object]) -> Callable[[str, int, int], None]:
    """A progress callback that does something once, when so many points are done."""

    def told(what: str, done: int, total: int) -> None:
        if done == point:
            act()

    return told


@ON_DEMAND
def test_a_worker_killed_in_mid_sweep_changes_no_byte(
    cluster: LocalCluster, local: Path, tmp_path: Path
) -> None:
    cluster.mend()
    sweep(STUDY, cluster=cluster.address, out=tmp_path, progress=at(POINTS // 3, cluster.workers[1].kill))
    assert cluster.workers[1].wait(10) == -9
    assert_same(tmp_path, local)


@ON_DEMAND
def test_a_killed_scheduler_ends_the_sweep_and_the_same_sweep_resumes(
    cluster: LocalCluster, local: Path, tmp_path: Path
) -> None:
    cluster.mend()
    assert cluster.scheduler
    with pytest.raises(SweepError, match=r"connection to the cluster .* is lost; the same command resumes"):
        sweep(STUDY, cluster=cluster.address, out=tmp_path, progress=at(POINTS // 2, cluster.scheduler.kill))
    cluster.scheduler.wait()
    cluster.mend()
    first: list[int] = []
    sweep(STUDY, cluster=cluster.address, out=tmp_path, progress=lambda _, done, __: first.append(done))
    assert first[0] >= POINTS // 2 and first[-1] == POINTS
    assert_same(tmp_path, local)


def test_points_that_go_wrong_are_the_same_rows_on_a_cluster(cluster: LocalCluster) -> None:
    cluster.mend()
    study = {"grid": {"pattern": "sliding:64,16", "rows": [0, 8], "cols": [8, 9]}}
    here, there = sweep(study, workers=1), sweep(study, cluster=cluster.address)
    assert there.table.equals(here.table, check_metadata=True)
    slow = {"grid": {"pattern": "longformer:4096,512", "heads": 12}}
    late = [
        sweep(slow, point_timeout=0.01, **where) for where in ({"workers": 1}, {"cluster": cluster.address})
    ]
    assert late[0].table["status"].to_pylist() == ["timed out"]
    assert late[0].table.equals(late[1].table, check_metadata=True)


@ON_DEMAND
def test_a_scheduler_that_hangs_ends_the_sweep_and_the_same_sweep_resumes(
    cluster: LocalCluster, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "ANSWER_SECONDS", 2.0)
    cluster.mend()
    assert cluster.scheduler
    hang = partial(cluster.scheduler.send_signal, signal.SIGSTOP)
    begun = time.monotonic()
    try:
        with pytest.raises(SweepError) as ended:
            sweep(STUDY, cluster=cluster.address, out=tmp_path, progress=at(POINTS // 2, hang))
    finally:
        cluster.scheduler.send_signal(signal.SIGCONT)
    assert (
        str(ended.value)
        == f"the connection to the cluster {cluster.address} is lost; the same command resumes"
    )
    assert time.monotonic() - begun < 60
    sweep(STUDY, cluster=cluster.address, out=tmp_path)
    assert_same(tmp_path, local)


@ON_DEMAND
def test_a_sweep_whose_workers_are_all_gone_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "GONE_SECONDS", 8.0)
    notes = []
    with LocalCluster(tmp_path, 1) as made:
        monkeypatch.setattr(clusters, "WORKER_SECONDS", 60.0)  # to begin with

        def told(what: str, done: int, total: int) -> None:
            if what == WAITING:
                notes.append((what, done, total))
            elif done == 3:
                monkeypatch.setattr(clusters, "WORKER_SECONDS", 4.0)
                made.workers[0].kill()

        with pytest.raises(SweepError) as ended:
            sweep(STUDY, cluster=made.address, progress=told)
    assert notes == [("waiting for a worker of the cluster ...", 0, 1)]
    assert (
        str(ended.value) == f"the cluster {made.address} has had no worker for 8 s; the same command resumes"
    )


def test_a_sweep_on_a_cluster_leaves_logging_and_warnings_as_they_were(cluster: LocalCluster) -> None:
    import distributed  # noqa: F401 - which sets levels of its own

    cluster.mend()
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = {name: logging.getLogger(name).level for name in names}
    filters = list(warnings.filters)
    within = []
    sweep(STUDY, cluster=cluster.address, progress=lambda *_: within.append(list(warnings.filters)))
    assert all(found == filters for found in within)
    assert {name: logging.getLogger(name).level for name in names} == before


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("version", f"the workers have tandemsim {__version__}, and the sweep has 9.9"),
        ("code", f"the workers have other code of tandemsim {__version__} than the sweep"),
    ],
)
def test_workers_with_another_tandemsim_are_refused(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, field: str, said: str
) -> None:
    cluster.mend()
    setup = runner._setup
    monkeypatch.setattr(
        runner, "_setup", lambda *words: msgspec.structs.replace(setup(*words), **{field: "9.9"})
    )
    with pytest.raises(ClusterError) as refused:
        sweep(STUDY, cluster=cluster.address)
    assert str(refused.value) == f"{said}: {cluster.address}"


def test_a_scheduler_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "ANSWER_SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match=r"has not answered in 1 s"):
            sweep(STUDY, cluster=address, out=tmp_path / "out")
    with pytest.raises(ClusterError, match=r"has not answered in 1 s"):
        sweep(STUDY, cluster=address, out=tmp_path / "out")
    with pytest.raises(
        ClusterError,
        match=r"^a cluster must be slurm or an address such as tcp://host:8786, not 'udp://nowhere'",
    ):
        sweep(STUDY, cluster="udp://nowhere", out=tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_scheduler_without_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "WORKER_SECONDS", 1.0)
    with (
        LocalCluster(tmp_path, 0) as empty,
        pytest.raises(ClusterError, match=r"has had no worker for 1 s"),
    ):
        sweep(STUDY, cluster=empty.address)


def test_a_job_of_slurm_asks_for_what_the_study_says() -> None:
    from dask_jobqueue import SLURMCluster

    words = {
        "jobs": 4,
        "cores": 6,
        "memory": "12GB",
        "walltime": "02:00:00",
        "queue": "long",
        "account": "lab",
    }
    with SLURMCluster(**cluster_options(words)) as made:
        script = made.job_script()
    for line in ("-p long", "-A lab", "-t 02:00:00", "--cpus-per-task=6", "--mem=12G", "-J tandem-sweep"):
        assert f"#SBATCH {line}\n" in script, script
    assert re.search(r"^export PYTHONPATH=\S+\$\{PYTHONPATH:\+:\$PYTHONPATH\}$", script, re.MULTILINE)
    assert "dask_worker" in script and "--nworkers 6" in script and "--nthreads 1" in script
    assert "--death-timeout 60" in script


def test_slurm_without_its_commands_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SlurmError, match=r"^a cluster of Slurm needs the command sbatch, which is not on the PATH$"
    ):
        sweep(STUDY, cluster="slurm", out=tmp_path / "out")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_jobs_of_slurm_run_the_points_and_end_with_the_sweep(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fake_slurm.install(tmp_path)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    sweep({**STUDY, "cluster": {"jobs": 2}}, cluster="slurm", out=tmp_path / "out")
    assert_same(tmp_path / "out", local)
    assert len(list(commands.glob("script.*"))) >= 2
    assert len((commands / "canceled").read_text().split()) >= 2


def test_the_outcome_of_a_point_says_all_that_the_journal_keeps() -> None:
    from tandemsim.sim.sweep.frames import OUTCOME, packed
    from tandemsim.sim.sweep.point_run import Outcome

    outcome: Any = Outcome(3, "ok", row={"cycles": 2**60, "seconds": 0.1 + 0.2})
    assert OUTCOME.decode(packed(outcome)) == outcome

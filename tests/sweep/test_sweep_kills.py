"""SIGKILL at any moment, of whatever takes part, changes no byte; `make sweep-kill` sends more of them."""

from pathlib import Path

import pytest

from tests.examples import ON_DEMAND
from tests.sweep.clusters import LocalCluster
from tests.sweep.kills import Disturbed


@pytest.mark.slow
def test_a_sweep_survives_kills_of_itself_and_of_its_processes(tmp_path: Path) -> None:
    disturbed = Disturbed(tmp_path, seed=1)
    assert list(disturbed.faults(4)) == []
    assert set(disturbed.killed) == {"sweep", "process"}


@ON_DEMAND
@pytest.mark.slow
def test_a_sweep_survives_kills_of_workers_and_of_the_scheduler(tmp_path: Path) -> None:
    with LocalCluster(tmp_path, 3) as cluster:
        disturbed = Disturbed(tmp_path, seed=3, cluster=cluster)
        assert list(disturbed.faults(3)) == []
        assert {"worker", "scheduler"} <= set(disturbed.killed)

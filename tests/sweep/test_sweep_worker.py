"""The process that runs points: when it says that it is ready, nothing of its machines is left to compile."""

from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.machines import table
from tandemsim.sim.machines.salo.machine import Salo
from tandemsim.sim.sweep import worker
from tandemsim.sim.sweep.fields import Fields
from tandemsim.sim.sweep.runner import _setup
from tandemsim.sim.sweep.study import read_study
from tandemsim.sim.sweep.worker import _warm


def test_each_machine_runs_its_own_small_trace_before_the_first_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = []
    monkeypatch.setattr(worker, "simulate", lambda request: ran.append((request.machine, request.trace)))
    _warm(["salo"])
    assert ran == [("salo", Salo().small())]


@pytest.mark.parametrize(
    ("grid", "machines"),
    [
        ({"pattern": ["sliding:64,9"]}, ["salo"]),
        ({"workload": ["resnet18"]}, ["ant"]),
        ({"workload": ["resnet18", "vil-tiny"]}, ["ant", "salo"]),
        ({"workload": ["resnet18"], "preset": ["salo", "ant-micro22"]}, ["salo", "ant"]),
        ({"workload": ["vil-tiny"], "machine": ["ant"]}, ["ant"]),
    ],
    ids=str,
)
def test_only_machines_that_run_points_are_compiled_for(grid: dict[str, Any], machines: list[str]) -> None:
    fields = Fields(read_study({"grid": {**grid, "array.rows": [8, 16]}}))
    assert sorted(fields.running()) == sorted(machines)
    assert _setup(fields, "").machines == fields.running()


def test_a_machine_that_does_not_run_its_small_trace_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(request: object) -> None:
        raise ConfigError("no")

    assert table.machine_named("salo").small().ops
    monkeypatch.setattr(worker, "simulate", refuse)
    with pytest.raises(ConfigError):
        _warm(["salo"])

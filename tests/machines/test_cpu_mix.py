"""A mix on the CPU: one query of each network at once, with the laws of any run."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.machines.table import machine_for
from tandemsim.sim.run import Request, Run, simulate
from tandemsim.sim.serving.joint import joint_trace, tenants_of
from tandemsim.sim.serving.mixes import MIXES, Mix
from tandemsim.traces import codec

MIX = MIXES["medium"]


def run_of(mix: Mix, **fields: object) -> Run:
    return simulate(Request(workload=mix.name, trace=joint_trace(mix), **fields))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def medium() -> Run:
    return run_of(MIX)


@pytest.mark.parametrize("mix", MIXES.values())
def test_a_joint_trace_has_the_ops_of_all_its_networks_and_says_so(mix: Mix) -> None:
    trace = joint_trace(mix)
    alone = {t.name: codec.load(codec.find(t.workload)) for t in mix.tenants}
    assert [op.name for op in trace.ops] == [f"{n}/{op.name}" for n, one in alone.items() for op in one.ops]
    assert trace.macs == sum(one.macs for one in alone.values())
    assert tenants_of(trace) == list(mix.tenants)
    assert tenants_of(next(iter(alone.values()))) is None
    assert machine_for(trace) == "cpu"


def test_every_op_of_every_network_runs_and_layers_of_one_network_follow_each_other(medium: Run) -> None:
    report = medium.report
    assert not report.not_run and report.macs == joint_trace(MIX).macs
    for tenant in MIX.tenants:
        own = [op for op in report.ops if op.name.startswith(f"{tenant.name}/") and op.cycles]
        assert own and all(
            one.start_cycle + one.cycles <= after.start_cycle + 1
            for one, after in zip(own, own[1:], strict=False)
        )


def test_networks_overlap_and_take_less_than_one_after_the_other(medium: Run) -> None:
    alone = [run_of(Mix(name=t.name, tenants=(t,))).report.cycles for t in MIX.tenants]
    assert max(alone) < medium.report.cycles < sum(alone)


def test_no_core_has_two_slices_at_once(medium: Run) -> None:
    timeline = medium.timeline
    for core in range(len(timeline.tracks)):
        own = np.flatnonzero(timeline.track == core)
        own = own[np.argsort(timeline.start[own], kind="stable")]
        ends = timeline.start[own] + timeline.duration[own]
        assert (timeline.start[own][1:] >= ends[:-1]).all()


def test_two_runs_of_a_mix_give_the_same_bytes(medium: Run) -> None:
    assert run_of(MIX).report.as_json() == medium.report.as_json()


def test_without_stalls_and_costs_of_teams_nothing_waits() -> None:
    free = {"interference": 0, "team.team_seconds": 0, "team.join_seconds": 0}
    report = run_of(MIX, settings=free).report
    # Times are rounded where a layer ends and where its team grows; nothing else is left.
    for op in report.ops:
        assert op.stall_cycles.get("dram", 0) + op.stall_cycles.get("l3", 0) <= 1 + op.cycles // 1000
    assert report.stall_cycles["dram"] <= len(report.ops)


def test_a_mix_is_not_explained() -> None:
    with pytest.raises(ConfigError, match="--explain must be asked of one network, not of a mix"):
        run_of(MIX, explain=True)

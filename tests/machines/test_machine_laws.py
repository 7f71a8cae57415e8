"""The laws that every machine obeys, whatever it computes: over each preset of each machine, and of a toy."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError, to_dict
from tandemsim.sim.arch.settings import fields_of
from tandemsim.sim.machines.contract import OPTIONS, Machine, Outcome
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.rules import InvariantError
from tandemsim.sim.run import Request, Run, simulate
from tandemsim.traces.schema import Trace
from tests.machines.conftest import ALL, PRESETS, trace_for

Case = tuple[Machine, str, Trace]
ROOT = Path(__file__).parents[2]
ASKED: dict[str, dict[str, Any]] = {  # an option of the contract -> a request that asks for it
    "batch": {"batch": 2},
    "bits": {"bits": "4"},
    "values": {"functional": True},
    "explain": {"explain": True},
}


def run(case: Case, **more: Any) -> Run:
    machine, preset, trace = case
    request = Request(workload="small", trace=trace, machine=machine.family.name, preset=preset, **more)
    return simulate(request)


def report(case: Case, **more: Any) -> Report:
    return run(case, **more).report


def test_every_mac_of_the_trace_ran_once_or_is_said_not_to_have(case: Case) -> None:
    machine, _, trace = case
    answer = report(case)
    stated = [(op.name, op.kind, op.macs) for op in trace.ops]
    answered = [(op.name, op.kind, op.macs) for op in (*answer.ops, *answer.not_run)]
    assert sorted(answered) == sorted(stated) and answer.ops
    assert all(op.kind in machine.runs for op in answer.ops)
    assert all(op.reason for op in answer.not_run)
    assert answer.macs + answer.macs_not_run == trace.macs


def test_what_a_machine_leaves_out_is_said_with_its_reason() -> None:
    toy = ALL["toy"]
    answer = report((toy, "toy", trace_for(toy)))
    assert [op.name for op in answer.ops] == ["first", "second"]
    assert [(op.name, op.reason) for op in answer.not_run] == [("long", "k is at most 1024")]


def test_what_a_machine_declines_is_what_it_leaves_out(case: Case) -> None:
    machine, preset, trace = case
    taken = [op for op in trace.ops if op.kind in machine.runs]
    config = machine.family.config(preset, {})
    declined = {op.name: why for op in taken if (why := machine.declines(op, config)) is not None}
    assert {op.name: op.reason for op in report(case).not_run if op.kind in machine.runs} == declined


def test_an_op_that_a_machine_loses_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = ALL["toy"]
    whole = toy.run

    def careless(*arguments: Any) -> Outcome:
        return dataclasses.replace(whole(*arguments), left_out={})

    monkeypatch.setattr(toy, "run", careless)
    with pytest.raises(InvariantError, match="toy reports 2 ops of the 3 that it ran"):
        report((toy, "toy", trace_for(toy)))


def test_cycles_are_those_of_computing_and_of_stalling(case: Case) -> None:
    answer = report(case)
    for part in (answer, *answer.ops):
        assert part.cycles == part.compute_cycles + sum(part.stall_cycles.values())
        assert part.cycles > 0 or "rides_on" in part.extra
    assert max(op.start_cycle + op.cycles for op in answer.ops) <= answer.cycles


def test_more_bandwidth_is_never_slower(case: Case) -> None:
    if "memory" not in case[0].family.catalogs:
        pytest.skip("no memory to widen")
    speeds = (10**8, 10**9, 10**10, 10**12)
    settings = [{"memory": "ideal", "dram.bandwidth_bytes_per_second": speed} for speed in speeds]
    cycles = [report(case, settings=one).cycles for one in settings]
    assert cycles == sorted(cycles, reverse=True) and cycles[0] > cycles[-1]


def test_the_same_run_gives_the_same_bytes(case: Case) -> None:
    assert report(case).as_json() == report(case).as_json()


def test_a_config_object_runs_as_its_preset_does(case: Case) -> None:
    machine, preset, _ = case
    by_name = report(case)
    assert report(case, config=machine.family.configs[preset]).as_json() == by_name.as_json()
    slower = dataclasses.replace(machine.family.configs[preset], clock_hz=250_000_000)
    answer = report(case, config=slower)
    assert answer.clock_hz == 250_000_000 and answer.settings == {"clock_hz": 250_000_000}
    assert answer.config == report(case, settings={"clock_hz": 250_000_000}).config


def test_a_config_of_another_machine_is_refused(case: Case) -> None:
    other = next(m for m in ALL.values() if m.family.name != case[0].family.name)
    config = next(iter(other.family.configs.values()))
    rule = rf"a config of {re.escape(case[0].family.name)} must be a \w+, not {type(config).__name__}"
    with pytest.raises(ConfigError, match=rule):
        report(case, config=config)


def test_the_reported_config_is_complete_and_gives_the_same_run(case: Case) -> None:
    machine, preset, _ = case
    answer = report(case)
    fields = {name: to_dict(value) for name, value, _ in fields_of(machine.family.configs[preset])}
    flat = {name: _value(answer.config, name) for name in fields}
    differing = {name: value for name, value in flat.items() if value != fields[name]}
    again = report(case, settings=differing)
    assert (again.cycles, again.config) == (answer.cycles, answer.config)


def _value(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = config[part]
    return config


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_a_machine_does_not_take_is_refused_by_name(case: Case, option: str) -> None:
    machine = case[0]
    if option in machine.takes:
        assert report(case, **ASKED[option]).cycles > 0
        return
    with pytest.raises(
        ConfigError, match=re.escape(f"{machine.family.name} does not take {OPTIONS[option][0]}")
    ):
        report(case, **ASKED[option])


@pytest.mark.parametrize("key", ["numerics", "memory", "rows", "dataflow", "array.rows", "no", "no.field"])
def test_a_setting_is_taken_or_refused_by_name_and_never_a_fault(case: Case, key: str) -> None:
    for value in ("wide", "hbm2", "2", "no"):
        says = f"{key}|{case[0].family.short_names.get(key, key)}"
        try:
            cycles = report(case, settings={key: value}).cycles
        except ConfigError as error:
            cycles = int(re.search(says, str(error)) is not None)
        assert cycles > 0


def test_a_catalog_that_the_machine_does_not_have_is_an_unknown_key() -> None:
    toy = (ALL["toy"], "toy", trace_for(ALL["toy"]))
    with pytest.raises(ConfigError, match="unknown config key 'numerics'"):
        report(toy, settings={"numerics": "wide"})


def test_what_a_machine_cannot_set_is_refused_with_the_reason(case: Case) -> None:
    for key, reason in case[0].family.fixed.items():
        with pytest.raises(ConfigError) as caught:
            report(case, settings={key: "x"})
        assert str(caught.value) == f"config key {key!r} cannot be set: {reason}"


def test_timeline_and_activity_lie_within_the_run(case: Case) -> None:
    done = run(case)
    timeline = done.timeline
    assert len(timeline) and (timeline.start + timeline.duration).max() <= done.report.cycles
    assert timeline.duration.sum() > 0
    activity = done.activity
    if activity is None:
        return
    answer = done.report
    assert activity.starts()[-1] < answer.cycles <= len(activity.macs) * activity.bin_cycles
    assert activity.macs.min() >= 0 and activity.macs.sum() == pytest.approx(answer.macs)
    moved = answer.dram.read_bytes + answer.dram.write_bytes
    assert activity.dram_bytes.min() >= 0
    assert 0.99 * moved <= activity.dram_bytes.sum() <= moved  # the last burst may end between two cycles
    assert (activity.heads < answer.cycles).all() and (activity.heads[1:] >= activity.heads[:-1]).all()


def test_a_trace_without_an_op_for_the_machine_is_refused(case: Case) -> None:
    machine, preset, _ = case
    traces = (trace_for(other) for other in ALL.values())
    other = next((each for each in traces if not machine.runs & {op.kind for op in each.ops}), None)
    if other is None:
        pytest.skip("runs the small trace of every machine")
    with pytest.raises(ConfigError, match=f"{machine.family.name} runs .* ops, and the trace has none"):
        report((machine, preset, other))


def test_every_preset_has_a_name_of_its_own() -> None:
    names = [preset for _, preset in PRESETS]
    assert sorted(set(names)) == sorted(names)


WITHOUT_JIT = """
import sys
from tandemsim.sim.run import Request, simulate
from tandemsim.sim.machines import table
from tests.machines.conftest import ALL, trace_for
table.MACHINES = ALL
name, preset = sys.argv[1:]
request = Request(workload="small", trace=trace_for(ALL[name]), machine=name, preset=preset)
sys.stdout.buffer.write(simulate(request).report.as_json())
"""


def first_of_each_memory() -> list[tuple[str, str]]:
    """Return the presets of each machine without those whose kernels meet nothing new: memories differ."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for name, preset in PRESETS:
        memory = getattr(ALL[name].family.configs[preset], "dram", None)
        found.setdefault((name, repr(memory and memory.standard)), (name, preset))
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize(("machine_name", "preset"), first_of_each_memory())
def test_without_the_jit_the_report_is_the_same(machine_name: str, preset: str) -> None:
    machine = ALL[machine_name]
    case = machine, preset, trace_for(machine)
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT_JIT, machine.family.name, preset]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert done.stdout == report(case).as_json()

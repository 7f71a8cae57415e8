"""The machine `cpu`: laws of a whole run, and cases whose times follow by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.cpu.cache import THREADRIPPER_3990X_CACHES, THREADRIPPER_3990X_SHARED_CACHES
from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X, THREADRIPPER_3990X_SHARED
from tandemsim.sim.machines.cpu.small import small_trace
from tandemsim.sim.machines.table import default_machine
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces import codec
from tandemsim.traces.kinds import KINDS


def report(workload: str, **more: Any) -> Report:
    return simulate(Request(workload=workload, machine="cpu", **more)).report


def settings(**more: object) -> dict[str, object]:
    return {key.replace("__", "."): value for key, value in more.items()}


@pytest.mark.parametrize("name", ["mobilenet-v2", "unet", "longformer", "llama3-8b-decode"])
def test_whole_models_run(name: str) -> None:
    answer = report(name)
    assert not answer.not_run and answer.macs == codec.load(codec.find(name)).macs
    assert all(op.cycles > 0 or "rides_on" in op.extra for op in answer.ops)


def test_every_kind_of_op_runs_and_no_trace_changes_its_machine() -> None:
    assert default_machine({"conv3d"}) == "cpu"  # which no array runs
    for kind in KINDS:
        assert (default_machine({kind, "gemm"}), default_machine({kind})) != ("cpu", "cpu")
    for name in codec.names():
        assert default_machine({op.kind for op in codec.load(codec.find(name)).ops}) != "cpu"


def test_resnet50_takes_what_its_profile_and_its_other_layers_say() -> None:
    """At 16 cores VELTAIR's artifact has 11.46 ms for the convolutions, without stalls; the model is warm."""
    answer = report("resnet50", settings=settings(cores=16, weights="warm", interference=0, versions=1))
    convolutions = [op for op in answer.ops if op.kind == "conv2d"]
    seconds = sum(op.cycles for op in convolutions) / answer.clock_hz
    assert seconds == pytest.approx(11.456e-3, rel=0.10)  # 2 % of it is what rides: batch norms, residuals


def test_weights_are_read_from_dram_only_where_they_are_not_in_l3() -> None:
    """On one L3 each weight is read once; on islands, by each whose cores have rows of their own."""
    weights = 25_500_000 * 4
    shared = "threadripper-3990x-shared"
    cold, warm = (report("resnet50", preset=shared, settings={"weights": one}) for one in ("cold", "warm"))
    assert cold.dram.read_bytes - warm.dram.read_bytes == pytest.approx(weights, rel=0.01)
    assert cold.cycles > warm.cycles
    image = 224 * 224 * 3 * 4
    assert warm.dram.read_bytes == pytest.approx(image, abs=64 * 60)
    islands = report("resnet50", settings={"weights": "cold"})
    assert cold.dram.read_bytes < islands.dram.read_bytes < 16 * cold.dram.read_bytes


def test_what_fits_into_l3_is_served_warm_and_what_does_not_is_cold() -> None:
    assert report("resnet50").cycles == report("resnet50", settings=settings(weights="warm")).cycles
    large, cold = (report("bert-large-384", settings=settings(weights=state)) for state in ("served", "cold"))
    assert large.cycles == cold.cycles


@pytest.mark.parametrize("name", ["bert-base-128"])
@pytest.mark.parametrize(
    "key, values, more",
    [
        ("dram.channels", (1, 2, 4, 8), 0.0),
        ("core.macs_per_cycle", (8, 16, 32), 0.05),
        ("dram_latency_seconds", (3e-7, 1e-7, 1e-9), 0.05),
        ("team.thread_seconds", (1e-6, 2e-7, 0.0), 0.05),
        ("interference", (2, 1, 0), 0.05),
    ],
)
def test_nothing_that_gets_better_makes_a_run_slower(
    name: str, key: str, values: tuple[object, ...], more: float
) -> None:
    """Bandwidth never; of the rest, versions are chosen anew, and five are not always the best five."""
    cycles = [report(name, settings={key: value, "weights": "cold"}).cycles for value in values]
    for before, after in zip(cycles, cycles[1:], strict=False):
        assert after <= (1 + more) * before
    assert cycles[-1] < cycles[0]


def test_fewer_versions_are_never_faster() -> None:
    cycles = [report("resnet50", settings=settings(versions=count)).cycles for count in (1, 3, 5)]
    assert cycles == sorted(cycles, reverse=True) and cycles[0] > cycles[-1]


@pytest.mark.parametrize("stalls", [0, 1])
def test_a_layer_that_must_read_its_bytes_takes_at_least_that_long(stalls: int) -> None:
    answer = report("llama3-8b-decode", settings=settings(weights="cold", interference=stalls))
    sustained = THREADRIPPER_3990X.constants.dram_bytes_per_second
    for op in answer.ops:
        least = (op.dram_read_bytes + op.dram_write_bytes) / sustained
        assert op.cycles / answer.clock_hz >= 0.999 * least - 2 / answer.clock_hz


def test_one_core_takes_all_chunks_of_a_layer() -> None:
    """Without team and stalls, one core takes the time of the work: MACs over its rate."""
    free = settings(
        cores=1,
        team__start_seconds=0,
        team__serial_seconds=0,
        team__thread_seconds=0,
        interference=0,
        versions=1,
    )
    answer = simulate(Request(workload="small", trace=small_trace(), machine="cpu", settings=free)).report
    law, core = THREADRIPPER_3990X.rates, THREADRIPPER_3990X.core
    project = answer.ops[0]  # 128 outputs in a row: whole vectors
    rate = core.macs_per_cycle * law.efficiency * law.whole_rows
    vectors = 6 * 64 * 128 / (law.lanes * law.vector_efficiency)  # the activation that rides
    assert project.compute_cycles == pytest.approx(64 * 128 * 128 / rate + vectors, rel=0.05)


def test_cores_compute_what_a_layer_computes_and_no_two_slices_overlap() -> None:
    done = simulate(Request(workload="resnet50", machine="cpu"))
    timeline = done.timeline
    assert len(timeline.tracks) == 65  # a row a core, and the waits
    for track in range(64):
        mine = (timeline.track == track) | (timeline.track == 64)  # no core computes while all wait
        start, end = timeline.start[mine], (timeline.start + timeline.duration)[mine]
        order = np.argsort(start, kind="stable")
        assert (start[order][1:] >= end[order][:-1]).all()
    waits = int(timeline.duration[timeline.track == 64].sum())
    assert waits == sum(done.report.stall_cycles.values())


def test_the_op_rows_name_the_version_that_ran() -> None:
    answer = report("resnet50")
    rows = [op.extra for op in answer.ops if op.kind == "conv2d"]
    assert all(row["version"].endswith(("columns outermost", "rows outermost")) for row in rows)
    assert all(1 <= row["versions"] <= 5 for row in rows)


def test_a_batch_takes_longer_and_less_for_each_input() -> None:
    one, eight = report("resnet50"), report("resnet50", batch=8)
    assert eight.macs == 8 * one.macs
    assert one.cycles < eight.cycles < 8 * one.cycles


def test_the_caches_of_a_preset_are_those_that_are_simulated_exactly() -> None:
    assert THREADRIPPER_3990X.caches == THREADRIPPER_3990X_CACHES
    assert THREADRIPPER_3990X_SHARED.caches == THREADRIPPER_3990X_SHARED_CACHES


def test_energy_is_the_packages_power_over_the_time_and_the_drams() -> None:
    answer = report("resnet50")
    package = answer.energy_pj.array + answer.energy_pj.static
    assert package / 1e12 / answer.seconds == pytest.approx(THREADRIPPER_3990X.energy.package_w)
    assert answer.area_mm2 is None


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("cores", 6, "cores must be at most, or a multiple of, the 4 cores of an island, not 6"),
        ("cores", 512, "cores must be on at most 64 islands, not 'on 128'"),
        ("weights", "hot", "unknown value of weights 'hot'; known: cold, served, warm"),
        ("team.thread_seconds", 3, "team.thread_seconds must be a number in 0...1"),
        ("rates.efficiency", 0, "rates.efficiency must be a number in 0.001...1000, not 0"),
        ("versions", 0, "versions must be a positive integer, not 0"),
        ("dram_sustained", "nan", "dram_sustained must be"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_refused(key: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        report("resnet50", settings={key: value})
    assert says in str(caught.value)

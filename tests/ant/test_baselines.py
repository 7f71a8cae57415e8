"""The presets that ANT is compared with: as the artifact has them, SCALE-Sim's law, outliers paid for."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from tandemsim.sim.ant.simulation import simulate
from tandemsim.sim.arch.ant.baselines import OLACCEL, SYSTOLIC
from tandemsim.sim.arch.ant.bit_lists import BIT_LISTS, all_bits
from tandemsim.sim.arch.ant.config import AntConfig, OutlierPath
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, CLOCK_HZ, DRAM_BITS, INPUTS, OUTPUTS, WEIGHTS
from tandemsim.sim.run import Request
from tandemsim.sim.run import simulate as run_request
from tandemsim.traces.schema import Trace
from tests.ant.test_machine_random import one_op

PRESETS = {
    "ant-os": "ant-micro22",
    **{name: name for name in ("bitfusion", "olaccel", "biscaled", "adafloat")},
}
NO_LIMIT = dataclasses.replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)


def gemm(m: int, n: int, k: int) -> Trace:
    return one_op("gemm", {"m": m, "n": n, "k": k}, (m, k), (k, n), (m, n))


@pytest.mark.parametrize(("accelerator", "preset"), PRESETS.items())
def test_a_preset_is_the_artifacts_accelerator(accelerator: str, preset: str) -> None:
    stated, config = ACCELERATORS[accelerator], ANT_FAMILY.presets[preset].config
    array = config.array
    listed = [all_bits(name, network) for name, network in BIT_LISTS if name == stated.lists]
    for bits in {bits for widths_of in listed for bits in widths_of}:
        each = array.operands(bits)
        products = stated.rows * stated.cols * stated.pairs(bits) ** 2
        assert (array.rows // each) * (array.cols // each) == products
    assert array.dataflow == stated.dataflow and config.clock_hz == CLOCK_HZ
    assert config.dram.peak_bytes_per_second * 8 == DRAM_BITS * CLOCK_HZ
    held = (config.weight_scratchpad, config.activation_scratchpad, config.accumulator_scratchpad)
    assert [each.capacity_bytes for each in held] == [pad.size_bytes for pad in (WEIGHTS, INPUTS, OUTPUTS)]


def test_a_plain_array_takes_14206_cycles_where_memory_is_no_limit() -> None:
    """384 x 768 x 768 on 128 x 128, from the first word of weights to the last multiplication."""
    trace, config = gemm(384, 768, 768), dataclasses.replace(SYSTOLIC, dram=NO_LIMIT)
    run = simulate(trace, trace.ops, config, widths(trace, trace.ops, config.array, "8"))
    times, tasks = run.plan.times, run.program.tasks
    first = int(times.start[0] - tasks.fill[0])
    last = int(times.end.max()) + config.array.rows + config.array.cols - 2
    assert last - first == 14_206
    # before: the arrival of the first words; behind: the accumulator, the port, and DRAM
    assert 14_206 < run.cycles <= 14_206 + 10


def cycles(config: AntConfig, bits: str = "4", **sizes: int) -> tuple[int, int, int]:
    trace = gemm(**{"m": 320, "n": 144, "k": 640, **sizes})
    report = run_request(Request(workload="x", trace=trace, machine="ant", config=config, bits=bits)).report
    return report.compute_cycles, report.dram.read_bytes, report.dram.write_bytes


def apart(**fields: Any) -> AntConfig:
    return dataclasses.replace(OLACCEL, outliers=OutlierPath(**fields))


def test_outliers_cost_the_cycles_and_bytes_that_they_say() -> None:
    dense, sparse = cycles(apart(share=0)), cycles(apart(share=0.03, bits=16, position_bits=16))
    # each of 3 % passes again, in four nibbles; rounded up once a task
    assert 0 <= 100 * sparse[0] - 112 * dense[0] <= 100 * 64
    outliers = math.ceil(0.03 * 320 * 640) + math.ceil(0.03 * 640 * 144)
    reads = sparse[1] - dense[1]
    assert outliers * 4 <= reads <= outliers * 4 * 1.05 + 64 * 64
    assert sparse[2] == dense[2]  # the result has 8 bits, which hold its outliers


def test_operands_of_8_bits_have_no_outliers() -> None:
    assert cycles(apart(share=0.03), bits="8") == cycles(apart(share=0), bits="8")


def test_more_outliers_are_never_faster() -> None:
    found = [cycles(apart(share=share / 10)) for share in (0, 0.2, 0.4, 0.6, 0.8)]
    assert found == sorted(found) and len(set(found)) == len(found)


def test_a_share_is_part_of_the_whole() -> None:
    with pytest.raises(ConfigError, match=r"^outliers.share must be a number in 0\.\.\.1, not 1.5$"):
        ANT_FAMILY.config("olaccel", {"outliers.share": "1.5"})

"""``run --explain`` on ANT: what bounds an op is where its cycles went; a gain is what a run gains."""

from __future__ import annotations

from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.machines.ant.explain import LEAST_GAIN, RUN, SHOWN, Measured, Settings, explain
from tandemsim.sim.report.contract import OpReport, Report
from tandemsim.sim.run import Request, simulate
from tests.ant.test_machine_random import one_op


def ran(settings: dict[str, Any], explain: bool = False) -> Report:
    return simulate(Request(workload="vil-tiny", machine="ant", settings=settings, explain=explain)).report


SLOW = {"memory": "ideal", "dram.bandwidth_bytes_per_second": 10**9}


@pytest.mark.parametrize(
    ("settings", "bound", "helps"),
    [
        (SLOW, "waiting for operands from DRAM", "dram.bandwidth_bytes_per_second=2000000000"),
        ({"vector.lanes": 1}, "waiting for the vector unit", "vector.lanes=2"),
    ],
)
def test_what_bounds_the_run_is_where_its_cycles_went(settings: Any, bound: str, helps: str) -> None:
    report = ran(settings, explain=True)
    whole, *ops = report.explanation
    assert whole["op"] == RUN and whole["bound"].startswith(bound)
    assert helps in [tried["set"] for tried in whole["settings"]]
    assert [entry["op"] for entry in ops] == [op.name for op in report.ops if "rides_on" not in op.extra]
    by_name = {op.name: op for op in report.ops}
    for entry in ops:
        op = by_name[entry["op"]]
        assert (entry["bound"] == "the vector unit") == (op.macs == 0)
        assert entry["bound"].startswith("waiting") == (sum(op.stall_cycles.values()) > op.cycles / 20)
        gains = [tried["gain"] for tried in entry["settings"]]
        assert len(gains) <= SHOWN and gains == sorted(gains, reverse=True)
        assert all(gain >= LEAST_GAIN for gain in gains)
    for tried in whole["settings"]:
        more = dict(word.split("=") for word in tried["set"].split())
        again = ran({**settings, **more})
        assert again.cycles == tried["cycles"] and tried["gain"] == 1 - again.cycles / report.cycles


@pytest.mark.parametrize(("bits", "is_tried"), [("4", True), ("mxfp4", False)])
def test_what_the_formats_of_a_run_rule_out_is_not_named(bits: str, is_tried: bool) -> None:
    """Output stationary, K = 72 needs no second tile of 8 rows; but there, no sum passes a tap."""
    m, n, k = 64, 512, 72
    trace = one_op("gemm", {"m": m, "n": n, "k": k}, (m, k), (k, n), (m, n))
    fast = {"memory": "ideal", "dram.bandwidth_bytes_per_second": 10**12, "array.formats": "int4,int8,e2m1"}
    request = Request(workload="one", trace=trace, machine="ant", settings=fast, bits=bits, explain=True)
    whole, *_ = simulate(request).report.explanation
    assert ("array.dataflow=os" in [tried["set"] for tried in whole["settings"]]) == is_tried


def op(cycles: int, macs: int) -> OpReport:
    stalls = {"dram": cycles // 2}
    computed = cycles - cycles // 2
    return OpReport(
        name="op",
        kind="gemm",
        cycles=cycles,
        compute_cycles=computed,
        stall_cycles=stalls,
        macs=macs,
        multipliers=4,
        tiles=1,
    )


def test_what_slows_the_run_or_is_refused_is_not_named() -> None:
    outcomes = {"fast": (900, 50), "slow": (1100, 10), "useless": (1000, 100)}

    def rerun(settings: Settings) -> tuple[int, list[OpReport]]:
        if settings["way"] == "refused":
            raise ConfigError("refused")
        cycles, of_op = outcomes[str(settings["way"])]
        return cycles, [op(of_op, 40), op(0, 0)]

    told: list[tuple[str, int, int]] = []
    whole, mine = explain(
        Measured(1000, {"dram": 500}, 0.1),
        [op(100, 40), op(0, 0)],
        [{"way": way} for way in ("refused", *outcomes)],
        rerun,
        lambda *progress: told.append(progress),
    )
    assert whole["settings"] == [{"set": "way=fast", "cycles": 900, "gain": pytest.approx(0.1)}]
    assert mine["settings"] == [{"set": "way=fast", "cycles": 50, "gain": 0.5}]
    assert mine["bound"].startswith("waiting for operands from DRAM (50.0 % of its cycles); 10.0 %")
    assert [done for _, done, _ in told] == [0, 1, 2, 3, 4]


def test_an_array_without_a_stall_is_the_bound_itself() -> None:
    measured = Measured(1000, {"dram": 0}, 0.5)
    (entry,) = explain(measured, [], [], lambda settings: (0, []), None)
    assert entry["bound"].startswith("the array; 50.0 % of the multipliers' cycles are useful, most of the")

"""``run --explain``: what bounds an op is where its cycles went; a setting gains what running it gains."""

from __future__ import annotations

import pytest

from tandemsim.sim.machines.salo.explain import LEAST_GAIN, SHOWN
from tandemsim.sim.run import Request, simulate


@pytest.mark.parametrize(
    ("settings", "bound"),
    [
        ({"memory": "hbm2"}, "the array; "),
        (
            {"memory": "ideal", "dram.bandwidth_bytes_per_second": "1000000000"},
            "waiting for operands from DRAM",
        ),
        ({"key_scratchpad.banks": "4", "key_scratchpad.ports": "1"}, "waiting for banks of the scratchpads"),
        ({"array.exp_latency": "500"}, "the array; "),
    ],
)
def test_what_bounds_an_op_is_where_its_cycles_went(settings: dict[str, str], bound: str) -> None:
    report = simulate(Request(workload="vil-tiny", settings=settings, explain=True)).report
    assert [entry["op"] for entry in report.explanation] == [op.name for op in report.ops]
    for entry in report.explanation:
        assert entry["bound"].startswith(bound)
        gains = [tried["gain"] for tried in entry["settings"]]
        assert len(gains) <= SHOWN
        assert gains == sorted(gains, reverse=True)
        assert all(gain >= LEAST_GAIN for gain in gains)
    if "exp_latency" in str(settings):
        assert "exponentials and sums" in report.explanation[0]["bound"]
        assert report.explanation[0]["settings"][0]["set"] == "array.exp_latency=1"


def test_a_setting_gains_what_running_it_gains() -> None:
    slow = {"memory": "lpddr5-6400"}
    report = simulate(Request(workload="vil-tiny", settings=slow, explain=True)).report
    entry = report.explanation[0]
    assert entry["settings"], "a slow memory leaves something to gain"
    for tried in entry["settings"]:
        more = dict(word.split("=") for word in tried["set"].split())
        again = simulate(Request(workload="vil-tiny", settings={**slow, **more})).report
        assert again.ops[0].cycles == tried["cycles"]
        assert tried["gain"] == pytest.approx(1 - tried["cycles"] / report.ops[0].cycles)


def test_a_run_that_was_not_asked_explains_nothing() -> None:
    assert simulate(Request(workload="vil-tiny")).report.explanation == ()

"""Operand widths of a point: those of a run with ``--bits``, and refused where a run refuses them."""

from __future__ import annotations

import pytest

from tandemsim.sim.run import Request, simulate
from tandemsim.sim.sweep.point_run import INVALID, OK, run_point
from tandemsim.traces.codec import find, load

TRACES = {"resnet18": load(find("resnet18"))}


@pytest.mark.parametrize("bits", ["4", "8", "ant", 8])
def test_a_point_has_the_cycles_of_a_run_with_its_bits(bits: str | int) -> None:
    outcome = run_point(0, {"workload": "resnet18", "machine": "ant", "bits": bits}, TRACES)
    report = simulate(Request(workload="resnet18", machine="ant", bits=str(bits))).report
    assert (outcome.status, outcome.row["cycles"]) == (OK, report.cycles)


@pytest.mark.parametrize(
    ("machine", "bits", "said"),
    [
        ("ant", "5", "unknown list of bits '5'"),
        ("ant", 5, "unknown list of bits '5'"),
        ("ant", 8.0, "bits must be a text or an integer, not 8.0"),
        ("ant", True, "bits must be a text or an integer, not True"),
    ],
)
def test_bits_that_no_run_takes_are_an_invalid_point(machine: str, bits: object, said: str) -> None:
    outcome = run_point(0, {"workload": "resnet18", "machine": machine, "bits": bits}, TRACES)
    assert outcome.status == INVALID and said in outcome.reason

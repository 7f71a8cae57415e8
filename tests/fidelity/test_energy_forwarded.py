"""What the write queue of the DRAM answers or absorbs never reaches the DRAM, and costs no DRAM energy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces import codec
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Band, Pattern
from tandemsim.traces.schema import Op, Source, Tensor
from tandemsim.traces.validate import seal

HEADS, HEAD_DIM = 2, 16
PJ_PER_J = 10**12
# Two bands of different strides take two sweeps: partial results are put aside, and read back so soon that
# they are still in the write queue.
SPILLING = Pattern(seq_len=20, bands=(Band(-4, 0, 1), Band(-16, 0, 4)))
SETTINGS = {"rows": 8, "cols": 8, "array.head_dim": HEAD_DIM}


@pytest.fixture(scope="module", params=["ddr4-2400", "hbm2", "lpddr5-6400"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    shape = (1, HEADS, SPILLING.seq_len, HEAD_DIM)
    roles = ("input", "input", "input", "output")
    tensors = [Tensor(id=i, shape=shape, dtype="float32", role=role) for i, role in enumerate(roles)]
    dims = {"batch": 1, "heads": HEADS, "head_dim": HEAD_DIM, "seq_len": SPILLING.seq_len}
    op = Op(
        id=0,
        kind="window_attention",
        name="attention",
        inputs=(0, 1, 2),
        outputs=(3,),
        dims=dims,
        attrs=SPILLING.attrs(),
        macs=macs("window_attention", dims, SPILLING.attrs()),
    )
    source = Source(model="spilling", configuration={}, exporter="tests", exporter_version="1")
    path: Path = tmp_path_factory.mktemp("traces") / "spilling.json"
    codec.save(seal(source=source, tensors=tensors, ops=[op]), path)
    return simulate(Request(workload=str(path), settings=SETTINGS | {"memory": request.param})).report


def test_some_bytes_are_answered_by_the_write_queue(report: Report) -> None:
    """Else the next claim says nothing."""
    assert report.dram.extra["forwarded_bytes"] > 0
    assert report.dram.extra["forwarded_bytes"] <= report.dram.read_bytes


def test_the_energy_of_the_dram_is_that_of_the_bytes_on_its_pins(report: Report) -> None:
    dram, extra = report.dram, report.dram.extra
    standard, channels = report.config["dram"]["standard"]["name"], report.config["dram"]["channels"]
    cost = dram_energy(standard)
    by_hand = (dram.read_bytes - extra["forwarded_bytes"]) * cost.read_pj_per_byte
    by_hand += (dram.write_bytes - extra["merged_bytes"]) * cost.write_pj_per_byte
    by_hand += extra["activates"] * cost.activate_pj
    seconds = report.cycles / report.clock_hz
    by_hand += (cost.background_w + cost.refresh_w) * channels * seconds * PJ_PER_J
    assert report.energy_pj.dram == pytest.approx(by_hand, rel=1e-9)
    # A bit of the traffic is forwarded, so the tolerance would not hide it.
    assert extra["forwarded_bytes"] * cost.read_pj_per_byte > 1e-6 * by_hand

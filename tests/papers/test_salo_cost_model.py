import csv
from dataclasses import replace
from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.papers.salo.cost_model import (
    PUBLISHED,
    WORKLOADS,
    CostModel,
    Workload,
    published,
    workload,
)

DATA = Path(__file__).parent / "data"
OURS = {"Longformer": "longformer", "ViL_stage1": "vil-1", "ViL_stage2": "vil-2"}
OURS |= {"ViL-stage1": "vil-1", "ViL-stage2": "vil-2"}


def rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize(
    "name, cycles, deferred",
    [("longformer", 4_030_495, 3_219_487), ("vil-1", 771_487, 616_255), ("vil-2", 196_831, 157_231)],
)
def test_the_script_is_reproduced_to_the_cycle(name: str, cycles: int, deferred: int) -> None:
    assert CostModel().cycles(workload(name)) == cycles
    assert CostModel(deferred=True).cycles(workload(name)) == deferred


@pytest.mark.parametrize("row", rows("salo_perf_model_v1.csv"), ids=lambda row: " ".join(row.values()))
def test_every_number_that_the_script_prints_is_reproduced(row: dict[str, str]) -> None:
    model = CostModel(deferred=row["mode"] != "published")
    layer = workload(OURS[row["workload"]])
    assert model.tiles(layer) == int(row["iterations"])
    assert model.tile_cycles(layer.head_dim) == int(row["cycles_per_tile"])
    assert model.cycles(layer) == int(row["total_cycles"])
    assert model.seconds(layer) * 1e3 == pytest.approx(float(row["latency_ms"]), rel=1e-12)
    assert model.utilization(layer) == pytest.approx(float(row["util_script"]), rel=1e-12)


@pytest.mark.parametrize("row", rows("salo_tile_count_variants.csv"), ids=lambda row: row["note"])
def test_every_variant_is_reproduced(row: dict[str, str]) -> None:
    heads, passes = int(row["heads"]), int(row["passes_per_query_tile"])
    layer = workload(OURS[row["workload"]])
    layer = replace(layer, heads=heads, hidden=64 * heads)
    if passes == 17:
        layer = replace(layer, band_keys=513)
    model = CostModel(one_band_a_pass=passes == 15)
    assert model.passes(layer) == passes
    assert model.tiles(layer) == int(row["tiles"])
    assert model.cycles(layer) == int(row["cycles"])


def test_named_variants_are_those_of_the_table() -> None:
    assert CostModel().cycles(workload("longformer-513")) == 4_282_399
    assert CostModel().cycles(workload("vil-1-3-heads")) == 385_759
    assert CostModel(one_band_a_pass=True).cycles(workload("vil-1-3-heads")) == 723_271


def test_one_tile_takes_195_cycles_and_162_deferred() -> None:
    tile = Workload(
        name="tile", script=False, seq_len=32, bands=1, band_keys=32, hidden=64, heads=1, source="one tile"
    )
    assert CostModel().cycles(tile) == 195
    assert CostModel(deferred=True).cycles(tile) == 162


def test_the_scripts_rows_are_marked() -> None:
    assert [name for name, layer in WORKLOADS.items() if layer.script] == ["longformer", "vil-1", "vil-2"]


def test_the_published_figures_are_those_that_were_read_and_no_others() -> None:
    """Speedups of each workload, energy savings and accuracies were never read in the paper: not quoted."""
    assert {figure.value for figure in PUBLISHED.values()} == {17.66, 89.33, 532.66, 4.56, 500, 1000}
    assert all("2206.14550" in figure.source or "07252a8" in figure.source for figure in PUBLISHED.values())


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown SALO workload 'longfomer'; did you mean 'longformer'"):
        workload("longfomer")
    with pytest.raises(ConfigError, match="unknown published figure of SALO 'area of array'"):
        published("area of array")


def test_workloads_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Workload.hidden must be a multiple of heads \(7\), not 768"):
        replace(workload("longformer"), heads=7)
    with pytest.raises(ConfigError, match="Workload.seq_len must be a positive integer, not 0"):
        replace(workload("longformer"), seq_len=0)
    with pytest.raises(ConfigError, match="CostModel.rows must be a positive integer, not 0"):
        CostModel(rows=0)

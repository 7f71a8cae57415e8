"""ANT's published cost model: every number that its authors committed, and every counter of their script."""

import csv
import statistics
from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.papers.ant.cost_model import Result, simulate, simulate_all
from tandemsim.sim.papers.ant.hardware import ACCELERATORS
from tandemsim.sim.papers.ant.networks import NETWORKS
from tandemsim.sim.papers.ant.tables import DATA as PACKAGE

DATA = Path(__file__).parent / "data"
ACCELERATOR = {"ant_os": "ant-os", "ant_ws": "ant-ws", "olaceel": "olaccel"}  # as the artifact spells them
NETWORK = {"mnli": "bert-mnli", "cola": "bert-cola", "sst_2": "bert-sst2"}
PARTS = ("static", "dram", "buffer", "core")


def rows(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Result]:
    return simulate_all()


@pytest.mark.parametrize(
    "row", rows(DATA / "ant_results.csv"), ids=lambda row: f"{row['accel']} {row['net']}"
)
def test_every_counter_of_the_script_is_reproduced(
    results: dict[tuple[str, str], Result], row: dict[str, str]
) -> None:
    found = results[ACCELERATOR.get(row["accel"], row["accel"]), NETWORK.get(row["net"], row["net"])]
    assert len(found.layers) == int(row["layers"])
    columns = ("Cycles", "stall", "rw", "ww", "ra", "wa", "ro", "wo", "dr", "dw")
    assert list(found.total) == [int(row[column]) for column in columns]
    energies = [float(row[f"{part}_nJ"]) for part in ("static", "dram", "sram", "core", "total")]
    assert [*found.energy, found.energy.total] == pytest.approx(energies, rel=1e-12, abs=1e-5)


def test_the_script_was_run_for_every_accelerator_and_network() -> None:
    assert len(rows(DATA / "ant_results.csv")) == len(ACCELERATORS) * len(NETWORKS) == 48


def test_all_240_committed_numbers_are_reproduced(results: dict[tuple[str, str], Result]) -> None:
    committed = rows(PACKAGE / "ant_committed.csv")
    compared = 0
    for row in committed:
        shown = [network for network in NETWORKS if row["network"] in (network, "mean")]
        over = {"cycles": shown, **dict.fromkeys(PARTS, shown)}
        if row["network"] == "mean" and row["accelerator"] == "biscaled":
            over |= dict.fromkeys(PARTS, ["vgg16", "resnet50"])  # and its cycles over all eight
        for column, networks in over.items():
            found = statistics.fmean(
                normalized(results, row["accelerator"], network, column) for network in networks
            )
            assert f"{found:.2f}" == row[column], (row, column)
            compared += 1
    assert (len(committed), compared) == (48, 240)


def normalized(results: dict[tuple[str, str], Result], name: str, network: str, column: str) -> float:
    found, reference = results[name, network], results["adafloat", network]
    if column == "cycles":
        return found.total.cycles / reference.total.cycles
    return float(getattr(found.energy, column)) / reference.energy.total


def test_layers_stand_alone_and_add_up(results: dict[tuple[str, str], Result]) -> None:
    for (name, network), result in results.items():
        assert all(layer.cycles > layer.stalls > 0 for layer in result.layers), (name, network)
        assert sum(layer.cycles for layer in result.layers) == result.total.cycles
    assert simulate("olaccel", "vit") == results["olaccel", "vit"]
    assert results["ant-os", "vgg16"].seconds == pytest.approx(0.49197235)  # at 500 MHz, batch 64


@pytest.mark.parametrize(
    "name, network, said",
    [
        ("ant", "vgg16", "unknown accelerator of ANT's evaluation 'ant'; did you mean"),
        ("ant-os", "vgg", "unknown network of ANT's evaluation 'vgg'; did you mean 'vgg16'?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, network: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", "[?]")):
        simulate(name, network)

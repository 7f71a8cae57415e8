"""The comparison with ANT: what is the paper's, what its cost model's, and what our machine's."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping

import pytest

from tandemsim.sim.ant.lowering import PRODUCTS
from tandemsim.sim.arch.ant.bit_lists import of_products
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.papers.ant.chart import TITLES, ant_chart, bar_of
from tandemsim.sim.papers.ant.cost_model import simulate_all
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, CLOCK_HZ
from tandemsim.sim.papers.ant.networks import NETWORKS
from tandemsim.sim.papers.ant.published import PARTS
from tandemsim.sim.papers.ant.rows import ANT, ant_rows
from tandemsim.sim.papers.ant.runs import RUNS, TRACES, OurRun
from tandemsim.sim.papers.comparison import Row, print_table
from tandemsim.sim.run import Request, simulate
from tandemsim.traces import codec

ADAFLOAT_CYCLES = 1000


def ours(
    workload: str, preset: str, settings: Mapping[str, str], bits: str | None = None, batch: int = 1
) -> Mapping[str, float]:
    """A machine on which ANT is four times as fast as AdaFloat and takes half the energy."""
    cycles = ADAFLOAT_CYCLES if preset == "adafloat" else ADAFLOAT_CYCLES // 4
    return {"cycles": cycles, "energy_pj": 2e9 if preset == "adafloat" else 1e9}


ALL_RUNS: Mapping[tuple[str, str], OurRun] = {
    (name, network): OurRun(preset=name, settings={}, bits="8")
    for name in ("ant-os", "adafloat")
    for network in NETWORKS
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return ant_rows(ours, "", runs={})


def one(rows: list[Row], workload: str, figure: str) -> Row:
    (found,) = (row for row in rows if (row.workload, row.figure) == (workload, figure))
    return found


def test_every_network_and_accelerator_has_time_and_energy(rows: list[Row]) -> None:
    for network in NETWORKS:
        for accelerator in ACCELERATORS.values():
            assert one(rows, network, f"cycles, {accelerator.title}").unit == "cycles"
            assert one(rows, network, f"energy, {accelerator.title}").unit == "mJ"
    assert one(rows, "resnet50", "cycles, OLAccel").cost_model == 270_516_342
    assert one(rows, "bert-cola", "energy, BitFusion").cost_model == pytest.approx(1880.534556)


@pytest.mark.parametrize(
    "title, speed, energy",
    [
        ("BitFusion", 2.83, 2.49),
        ("OLAccel", 3.30, 1.91),
        ("BiScaled", 1.50, 1.51),
        ("AdaFloat", 4.10, 3.27),
    ],
)
def test_the_true_geometric_means_are_these(rows: list[Row], title: str, speed: float, energy: float) -> None:
    for name, value in (("speed", speed), ("energy", energy)):
        found = one(rows, "ANT-OS over the others", f"{name} over {title}, geometric")
        assert found.cost_model == pytest.approx(value, abs=0.005) and found.paper is None


@pytest.mark.parametrize("name, paper, model", [("speed", 2.8, 2.822), ("energy", 2.5, 2.493)])
def test_the_headline_is_that_over_bitfusion(rows: list[Row], name: str, paper: float, model: float) -> None:
    found = one(rows, "ANT-OS over the others", f"{name} over BitFusion, arithmetic")
    assert (found.paper, found.source) == (paper, "abstract of arXiv 2208.14286")
    assert found.cost_model == pytest.approx(model, abs=0.0005)


def test_the_paper_column_holds_the_abstract_and_the_committed_table_alone(rows: list[Row]) -> None:
    stated = [row for row in rows if row.paper is not None]
    abstract = [row for row in stated if "abstract" in row.source]
    table = [row for row in stated if "results/ant_res.csv" in row.source]
    # AdaFloat's own bars, one of each of eight networks and one mean, are 1 by definition: 9 of 48.
    assert (len(stated), len(abstract), len(table)) == (80, 2, 2 * (48 - 9))


def test_the_paper_and_its_model_differ_by_no_more_than_the_paper_rounds(rows: list[Row]) -> None:
    for row in rows:
        if row.paper is not None and row.cost_model is not None and row.unit == "":
            parts = 1 if row.figure.startswith("cycles") else 4
            assert abs(row.paper - row.cost_model) <= 0.005 * parts + 1e-12, row


def test_both_means_stand_side_by_side(rows: list[Row]) -> None:
    ratios = [
        one(rows, network, "cycles over AdaFloat's, BitFusion").cost_model or 0.0 for network in NETWORKS
    ]
    for called, how in (("arithmetic", statistics.fmean), ("geometric", statistics.geometric_mean)):
        found = one(rows, "mean over the networks", f"cycles over AdaFloat's, BitFusion, {called}")
        assert found.cost_model == pytest.approx(how(ratios), rel=1e-12)


def test_a_corrected_network_says_what_the_correction_changes(rows: list[Row]) -> None:
    published = one(rows, "inceptionv3", "cycles, AdaFloat").cost_model or 0.0
    found = one(rows, "inceptionv3, kernels as they are", "cycles, AdaFloat")
    assert found.step is not None and found.step < 0
    assert published + found.step == found.cost_model
    patch = [row.step for row in rows if row.workload == "vit, with its patch embedding"]
    assert len(patch) == 12 and patch[2] == patch[8] == 0  # BitFusion's list has it already
    assert all(step for place, step in enumerate(patch) if place not in (2, 8))


def test_biscaled_is_simulated_where_the_authors_do_not_show_it(rows: list[Row]) -> None:
    shown = {n: one(rows, n, "cycles over AdaFloat's, BiScaled").paper for n in NETWORKS}
    assert {network for network, paper in shown.items() if paper is not None} == {"vgg16", "resnet50"}
    assert "do not show" in one(rows, "vit", "cycles over AdaFloat's, BiScaled").reason


def test_less_than_half_a_percent_of_the_cycles_wait_for_dram() -> None:
    assert max(result.total.stalls / result.total.cycles for result in simulate_all().values()) < 0.005


def test_every_row_gives_its_reason_in_one_line_and_its_source(rows: list[Row]) -> None:
    for row in rows:
        assert row.reason and "\n" not in row.reason and row.source


def test_a_run_that_was_left_out_has_an_empty_cell_and_a_row_says_so() -> None:
    def some(workload: str, preset: str, *more: object) -> Mapping[str, float]:
        return ours(workload, preset, {}) if (workload, preset) == ("vit", "ant-os") else {}

    rows = ant_rows(some, "", runs=ALL_RUNS)
    filled = [(row.workload, row.figure) for row in rows if row.ours is not None]
    assert {workload for workload, _ in filled} == {"vit", "vit, with its patch embedding"}
    assert {figure.split(",")[-1] for _, figure in filled} == {" ANT-OS"}
    assert (rows[-1].workload, rows[-1].figure) == ("ours", "1 of 16 runs")


def test_every_accelerator_runs_every_network_as_its_list_says() -> None:
    assert set(RUNS) == {(name, network) for name in ACCELERATORS for network in NETWORKS}
    for (name, network), run in RUNS.items():
        accelerator, trace = ACCELERATORS[name], codec.load(codec.find(TRACES[network][0]))
        config = ANT_FAMILY.config(run.preset, run.settings)
        assert (run.batch, config.clock_hz, config.array.dataflow) == (64, CLOCK_HZ, accelerator.dataflow)
        products = [op for op in trace.ops if op.kind in PRODUCTS]
        given = widths(trace, products, config.array, run.bits)
        listed = of_products(accelerator.lists, network, len(products))
        assert tuple(given[op.id].weight for op in products) == listed


def test_equal_lists_of_one_trace_are_one_run() -> None:
    made = {
        (run.preset, *run.settings.items(), run.bits, TRACES[network]) for (_, network), run in RUNS.items()
    }
    assert len(made) == 48 - 3 * 2  # three accelerators have one list for the three tasks of BERT


def test_our_machine_is_close_to_the_model_where_both_have_the_same_work() -> None:
    """ResNet18 on BitFusion: the model rounds up to whole tiles too; it has neither fill and drain nor an end
    of its accumulators.
    """
    run = RUNS["bitfusion", "resnet18"]
    request = Request(workload="resnet18", preset=run.preset, settings=run.settings, bits=run.bits, batch=4)
    report = simulate(request).report
    model = simulate_all()["bitfusion", "resnet18"].total.cycles / 16
    assert model <= report.cycles <= 1.05 * model and not report.not_run


def test_runs_of_ours_fill_their_places_and_no_others() -> None:
    rows = ant_rows(ours, "", runs=ALL_RUNS)
    cycles = one(rows, "vit", "cycles, ANT-OS")
    assert (cycles.ours, cycles.gap) == (250, pytest.approx(250 / 435_784_888 - 1))
    assert one(rows, "vit", "energy, AdaFloat").ours == 2.0  # mJ
    assert one(rows, "vit", "cycles over AdaFloat's, ANT-OS").ours == 0.25
    mean = one(rows, "mean over the networks", "energy over AdaFloat's, ANT-OS, geometric")
    assert mean.ours == pytest.approx(0.5)
    assert one(rows, "ANT-OS over the others", "speed over AdaFloat, geometric").ours == pytest.approx(4)
    assert one(rows, "ANT-OS over the others", "speed over BitFusion, geometric").ours is None
    assert one(rows, "vit", "cycles, BitFusion").ours is None
    assert all(row.workload != "ours" for row in rows)


def test_a_mean_of_ours_waits_for_all_its_networks() -> None:
    some = {pair: run for pair, run in ALL_RUNS.items() if pair[1] != "vit"}
    rows = ant_rows(ours, "", runs=some)
    assert one(rows, "vgg16", "cycles over AdaFloat's, ANT-OS").ours == 0.25
    assert one(rows, "mean over the networks", "cycles over AdaFloat's, ANT-OS, arithmetic").ours is None


def test_the_table_repeats_no_reason_within_a_section(rows: list[Row]) -> None:
    stream = io.StringIO()
    print_table(ANT.title, rows, stream, width=150)
    text = stream.getvalue()
    assert text.count("two decimals of each") == len(NETWORKS)  # as many sections give it
    stream = io.StringIO()
    print_table(ANT.title, rows, stream, width=100)
    below = stream.getvalue().rpartition("┘")[2]
    assert below.count("vgg16, ") == 5  # OLAccel's cycles have one of their own


def test_a_published_figure_is_shown_with_its_own_digits(rows: list[Row]) -> None:
    stream = io.StringIO()
    print_table(ANT.title, rows, stream, width=150)
    (line,) = (line for line in stream.getvalue().splitlines() if "speed over BitFusion, arithmetic" in line)
    assert [cell.strip() for cell in line.split("│")[2:4]] == ["2.8", "2.822"]


def test_the_bars_are_the_cost_models() -> None:
    results = simulate_all()
    for network in TITLES:
        cycles, parts = bar_of(results, "adafloat", network)
        assert cycles == 1 and sum(parts.values()) == pytest.approx(1)
    cycles, parts = bar_of(results, "ant-os", "mean")
    assert [f"{value:.2f}" for value in (cycles, *(parts[part] for part in PARTS))] == [
        *("0.25", "0.09", "0.04", "0.10", "0.07"),
    ]


def test_the_chart_has_a_bar_for_each_cell_and_a_dot_for_each_committed_one() -> None:
    time, energy = ant_chart().axes
    bars = len(TITLES) * len(ACCELERATORS)
    assert (len(time.patches), len(energy.patches)) == (bars, bars * len(PARTS))
    assert len(time.lines) == len(energy.lines) == 48
    measured = ant_chart(ant_rows(ours, "", runs=ALL_RUNS))
    assert len(measured.axes[0].lines) == 48 + len(TITLES)  # ANT-OS over AdaFloat, and their mean
    tops = [bar.get_height() for bar in time.patches if hasattr(bar, "get_height")]
    assert max(tops) == 1

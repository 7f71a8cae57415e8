"""The comparison with ANT: eight networks on six accelerators, their means, and ANT over each of the others.

Runs of ours are handed in as a function; `sim.papers.ant.runs` says which. "Paper" holds what was read in the
abstract or in the table that the authors committed; the cost model is their simulator, re-implemented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tandemsim.sim.papers.ant.chart import ALL, ant_chart
from tandemsim.sim.papers.ant.cost_model import simulate_all
from tandemsim.sim.papers.ant.figures import (
    ARITHMETIC,
    GEOMETRIC,
    REFERENCE,
    SHOWN,
    Figures,
    Table,
    figure,
    figures_of,
    mean,
    ratio,
)
from tandemsim.sim.papers.ant.hardware import ACCELERATORS
from tandemsim.sim.papers.ant.networks import NETWORKS
from tandemsim.sim.papers.ant.published import HEADLINES, MEAN, TABLE, committed
from tandemsim.sim.papers.ant.runs import RUNS, TRACES, OurRun
from tandemsim.sim.papers.comparison import Ours, Paper, Row
from tandemsim.sim.papers.cpu_baseline import CpuBaseline

SIMULATOR = "ant_simulator at commit bc84067"
UNITS = {"cycles": "cycles", "energy": "mJ"}
WINNER = "ant-os"
RIVALS = ("bitfusion", "olaccel", "biscaled", REFERENCE)
PAID = "olaccel"  # its outliers are paid for in our runs
OTHERS = [name for name in ACCELERATORS if name != REFERENCE]

ROOFLINE = "a batch of 64 at 500 MHz: the work of the array; less than 0.5 % of the cycles wait for DRAM"
LINEAR = "fully connected layers alone: no products of attention, softmax or norm"
NOTES = dict.fromkeys(("bert-mnli", "bert-cola", "bert-sst2"), LINEAR) | {
    "inceptionv3": "a 7 x 1 kernel counts as 7 x 7, and 1 x 7 as 1 x 1: 9.70 GMAC an image, not 5.71",
    "vit": "the patch embedding is in BitFusion's list alone; no products of attention, softmax or norm",
}
PARTS = "DRAM, its background, accesses of scratchpads, the array; the leakage of scratchpads is left out"
TWO_DECIMALS = "the authors give two decimals"
FOUR_PARTS = "the authors give two decimals of each of the four parts; this is their sum"
NOT_SHOWN = "the artifact simulates it, and the authors do not show it"
CORRECTED = {
    "inceptionv3": (
        "inceptionv3, kernels as they are",
        "height times width, where the model squares the height",
    ),
    "vit": ("vit, with its patch embedding", "16 x 16 pixels to 768 channels, in BitFusion's list already"),
}
AUTHORS_MEAN = "an arithmetic mean, which the artifact calls Geomean"
RIGHT_MEAN = "the mean that ratios call for"
TWO_NETWORKS = (
    "the authors show two networks; their mean of cycles is over all eight, that of energy over two"
)
OVER = "ANT-OS over the others"
OVER_MEANS = "the quotient of the arithmetic means"
HEADLINE = "the abstract names no rival; the quotient of the arithmetic means is that of BitFusion"
OVER_GEOMETRIC = "the geometric mean of the eight quotients"
OVER_CORRECTED = "the geometric mean, with Inception's kernels and ViT's patch embedding corrected"
OVER_SHOWN = "the geometric mean of VGG16 and ResNet50, which the authors show"
# What our runs have and the model has not; the outliers of OLAccel are in neither the lists nor the model.
WHOLE = "ours fills and drains the array, reads a pixel once, and runs pooling, norms and all else"
ATTENTION = "ours has attention's products, and no classifier"
OURS = dict.fromkeys(("bert-mnli", "bert-cola", "bert-sst2"), ATTENTION) | {
    "inceptionv3": "ours has kernels as they are",
    "vit": "ours has attention's products and patch embedding, and a pooler for the classifier",
}
OUTLIERS = "ours computes the outliers of activations too, 3 % of them in four passes"
OUR_ENERGY = "ours has a byte of DDR4-2400, leakage of all scratchpads, and the vector unit"
LEFT_OUT = "--only left out the others, whose cells are empty; means need all networks"


def ant_rows(
    ours: Ours,
    cpu: CpuBaseline | str,
    runs: Mapping[tuple[str, str], OurRun] = RUNS,
) -> list[Row]:
    """Return every comparison with ANT; `cpu` has no part in it."""
    model, true = figures_of(simulate_all()), figures_of(simulate_all(true=True))
    found: dict[tuple[str, str], Figures] = {}
    for pair, each in runs.items():
        run = ours(pair[1], each.preset, each.settings, each.bits, each.batch)
        if run:
            found[pair] = Figures(run["cycles"], run["energy_pj"] / 1e9)
    rows: list[Row] = []
    for network in NETWORKS:
        rows += [*_network(network, model, found), *_over_adafloat(network, model, found)]
    for network in CORRECTED:
        rows += _corrected(network, model, true, found)
    rows += [*_means(model, found), *_over_others(model, true, found)]
    if len(found) < len(runs):
        count = f"{len(found)} of {len(runs)} runs"
        rows.append(
            Row(workload="ours", figure=count, unit="", reason=LEFT_OUT, source="sim/papers/ant/runs.py")
        )
    return rows


def _network(network: str, model: Table, found: Table) -> Iterator[Row]:
    for what, unit in UNITS.items():
        model_has = PARTS if what == "energy" else NOTES.get(network, ROOFLINE)
        we_have = OUR_ENERGY if what == "energy" else OURS.get(network, WHOLE)
        for name, accelerator in ACCELERATORS.items():
            reason = f"{model_has}; {OUTLIERS if name == PAID and what == 'cycles' else we_have}"
            values = (figure(table, name, network, what) for table in (model, found))
            yield _row(network, f"{what}, {accelerator.title}", unit, None, *values, reason=reason)


def _over_adafloat(network: str, model: Table, found: Table) -> Iterator[Row]:
    """Yield what the authors show: cycles and energy over AdaFloat's."""
    for what in UNITS:
        for name in OTHERS:
            paper = committed(name, network, what)
            reason = NOT_SHOWN if paper is None else TWO_DECIMALS if what == "cycles" else FOUR_PARTS
            values = (ratio(table, name, REFERENCE, network, what) for table in (model, found))
            title = f"{what} over AdaFloat's, {ACCELERATORS[name].title}"
            yield _row(network, title, "", paper, *values, reason=reason)


def _corrected(network: str, model: Table, true: Table, found: Table) -> Iterator[Row]:
    """Yield what the model says of the network as it is; a step is the change against the published lists."""
    workload, reason = CORRECTED[network]
    for what, unit in UNITS.items():
        for name, accelerator in ACCELERATORS.items():
            values = [figure(table, name, network, what) for table in (true, found)]
            step = (figure(true, name, network, what) or 0) - (figure(model, name, network, what) or 0)
            yield _row(
                workload, f"{what}, {accelerator.title}", unit, None, *values, reason=reason, step=step
            )


def _means(model: Table, found: Table) -> Iterator[Row]:
    """Yield the mean that the authors take, and the one that ratios call for."""
    for what in UNITS:
        for name in OTHERS:
            networks = SHOWN.get(name, tuple(NETWORKS)) if what == "energy" else tuple(NETWORKS)
            for how, called in ((ARITHMETIC, "arithmetic"), (GEOMETRIC, "geometric")):
                paper = committed(name, MEAN, what) if how is ARITHMETIC else None
                reason = RIGHT_MEAN if paper is None else TWO_NETWORKS if name in SHOWN else AUTHORS_MEAN
                values = (mean(how, table, name, REFERENCE, networks, what) for table in (model, found))
                title = f"{what} over AdaFloat's, {ACCELERATORS[name].title}, {called}"
                yield _row(ALL, title, "", paper, *values, reason=reason)


def _over_others(model: Table, true: Table, found: Table) -> Iterator[Row]:
    """Yield how many times faster ANT is, and how much less energy it takes, than each of the others."""
    networks = tuple(NETWORKS)
    for what, title in (("cycles", "speed"), ("energy", "energy")):
        for name in RIVALS:
            over = f"{title} over {ACCELERATORS[name].title}"
            paper, source = HEADLINES.get(over, (None, SIMULATOR))
            values = (_quotient_of_means(table, name, what) for table in (model, found))
            reason = OVER_MEANS if paper is None else HEADLINE
            yield _row(OVER, f"{over}, arithmetic", "x", paper, *values, reason=reason, source=source)
            ways = [
                (model, networks, "geometric", OVER_GEOMETRIC),
                (true, networks, "corrected", OVER_CORRECTED),
            ]
            if name in SHOWN:
                ways.append((model, SHOWN[name], "two networks", OVER_SHOWN))
            for base, over_which, called, reason in ways:
                values = (mean(GEOMETRIC, table, name, WINNER, over_which, what) for table in (base, found))
                yield _row(OVER, f"{over}, {called}", "x", None, *values, reason=reason)


def _quotient_of_means(table: Table, name: str, what: str) -> float | None:
    other = mean(ARITHMETIC, table, name, REFERENCE, NETWORKS, what)
    winner = mean(ARITHMETIC, table, WINNER, REFERENCE, NETWORKS, what)
    return None if other is None or winner is None else other / winner


def _row(
    workload: str,
    figure: str,
    unit: str,
    paper: float | None,
    model: float | None,
    ours: float | None,
    *,
    reason: str,
    step: float | None = None,
    source: str = SIMULATOR,
) -> Row:
    return Row(
        workload=workload,
        figure=figure,
        unit=unit,
        paper=paper,
        cost_model=model,
        ours=ours,
        gap=None if ours is None or model is None else ours / model - 1,
        step=step,
        reason=reason,
        source=f"{TABLE}; {source}" if paper is not None and source == SIMULATOR else source,
    )


ANT = Paper(
    title="ANT, MICRO 2022, arXiv 2208.14286",
    machine="ant",
    workloads=TRACES,
    rows=ant_rows,
    is_long=True,
    chart=ant_chart,
)

"""docs/ant.md: its commands print what it shows, and its tables hold what the cost model has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from statistics import fmean, geometric_mean

import pytest

from tandemsim.sim.commands.paper_runs import asked, at_once
from tandemsim.sim.papers.ant.cost_model import array_of, costs_of
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, INPUTS, OUTPUTS, WEIGHTS
from tandemsim.sim.papers.ant.networks import NETWORKS, layers
from tandemsim.sim.papers.ant.rows import ANT, ant_rows
from tandemsim.sim.papers.comparison import Row

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ant.md").read_text()


def steps() -> list[tuple[str, list[str]]]:
    """Files to write, ``("# name.py", lines)``, and commands with their output, in the page's order."""
    found: list[tuple[str, list[str]]] = []
    blocks = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", TEXT, re.MULTILINE)
    for line in (line[4:] for block in blocks for line in block.splitlines()):
        if line.startswith(("$ ", "# ")):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    for name in ("sim", "traces", "tandemsim"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "110", "PYTHONDONTWRITEBYTECODE": "1"}
    commands = 0
    for line, shown in steps():
        if line.startswith("# "):
            (tmp_path / line[2:]).write_text("\n".join(shown) + "\n")
            continue
        run = ["bash", "-o", "pipefail", "-c", line[2:]]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert done.stdout.strip("\n") == "\n".join(shown).strip("\n"), f"{line}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, line
        commands += 1
    assert commands == 2
    assert (tmp_path / "ant.png").read_bytes().startswith(b"\x89PNG")


def table(first: str) -> list[list[str]]:
    """The rows of the table that begins with a header."""
    text = TEXT.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return ant_rows(lambda *_: {}, "")


@pytest.fixture(scope="module")
def measured() -> list[Row]:
    if not os.environ.get("TANDEM_ALL_MODELS"):
        pytest.skip("TANDEM_ALL_MODELS=1 runs all of them")
    return ant_rows(at_once(ANT, asked(ANT), None, None), "")


def test_the_means_are_those_of_the_model(rows: list[Row]) -> None:
    over = {row.figure: f"{row.cost_model:.2f}" for row in rows if row.unit == "x"}
    ways = ("arithmetic", "geometric", "corrected")
    assert [row[0] for row in table("over")] == ["BitFusion", "OLAccel", "BiScaled", "AdaFloat"]
    for rival, *shown in table("over"):
        figures = [[over[f"{name} over {rival}, {way}"] for name in ("speed", "energy")] for way in ways]
        assert shown == [" / ".join(pair) for pair in figures]
    two = [over[f"{name} over BiScaled, two networks"] for name in ("speed", "energy")]
    assert " / ".join(two) in TEXT


def test_biscaled_is_faster_on_vit_alone(rows: list[Row]) -> None:
    cycles = {(row.workload, row.figure): row.cost_model or 0.0 for row in rows if row.unit == "cycles"}
    faster = [n for n in NETWORKS if cycles[n, "cycles, BiScaled"] < cycles[n, "cycles, ANT-OS"]]
    assert faster == ["vit"]


def test_the_accelerators_are_those_of_the_model() -> None:
    named = []
    for names, units, products, _ in table("accelerator"):
        for name in re.findall("`([a-z-]+)`", names):
            array = ACCELERATORS[name]
            named.append(name)
            assert units == f"{array.rows} × {array.cols}"
            for count, bits in re.findall(r"([0-9,]+) of ([468])", products):
                assert count == f"{array.rows * array.cols * array.pairs(int(bits)) ** 2:,}"
    assert named == list(ACCELERATORS)


def test_the_leakage_that_is_missing_is_more_than_any_array_takes() -> None:
    missing = WEIGHTS.leak_nj + INPUTS.leak_nj + OUTPUTS.leak_nj
    assert f"{missing:.3f} nJ" in TEXT
    assert all(array.leak_nj + array.dynamic_nj < missing for array in ACCELERATORS.values())
    assert costs_of(ACCELERATORS["ant-os"]).cycle > missing


def test_the_figures_of_the_text_are_the_models() -> None:
    assert f"{layers('vit', 'bitfusion')[0].macs() / 1e6:.1f} MMAC" in TEXT
    for size in (WEIGHTS, INPUTS, OUTPUTS):
        assert f"{size.size_bytes // 1024} KiB" in TEXT
    assert f"{array_of(ACCELERATORS['olaccel']).dram_bits:,} bits a cycle" in TEXT


MEANS: dict[str, Callable[[list[float], list[float]], float]] = {
    "geometric mean": lambda others, winners: geometric_mean(map(truediv, others, winners)),
    "quotient of arithmetic means": lambda others, winners: fmean(others) / fmean(winners),
}


def test_our_quotients_are_those_of_the_runs(measured: list[Row]) -> None:
    """Arithmetic means are those of figures over AdaFloat's."""
    found = {(row.workload, row.figure): row for row in measured}
    for what, unit in (("speed", "cycles"), ("energy", "energy")):
        shown = table(f"{what} of ANT over | BitFusion | OLAccel | BiScaled | AdaFloat")
        names = [row[0].strip("`") for row in shown]
        assert names == [*NETWORKS, *MEANS]
        for name, *cells in shown:
            which = list(NETWORKS) if name in MEANS else [name.strip("`")]
            for rival, cell in zip(("BitFusion", "OLAccel", "BiScaled", "AdaFloat"), cells, strict=True):
                quotients = []
                for source in ("ours", "cost_model"):
                    others, winners = (
                        [
                            getattr(found[network, f"{unit}, {each}"], source)
                            / getattr(found[network, f"{unit}, AdaFloat"], source)
                            for network in which
                        ]
                        for each in (rival, "ANT-OS")
                    )
                    mean = MEANS.get(name, MEANS["geometric mean"])
                    quotients.append(f"{mean(others, winners):.2f}")
                assert cell == f"{quotients[0]} ({quotients[1]})", (what, name, rival)

"""docs/language-models.md: every command of its tables prints the figures beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tandemsim.sim.report.format import si

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "language-models.md").read_text()
LAYERS = PAGE.split("| layer | command |", 1)[1].split("\n\n", 1)[0]
ROWS = re.findall(r"^\| (.+?) \| `(.+?)` \| ([\d,]+) \| (0\.\d{3}) \| (.+?) \|$", LAYERS, re.MULTILINE)
CHEAP = ("gpt-oss 20B, 128 keys", "ModernBERT base, 129 keys")
# The others take minutes together: `make all-models`.
everything = pytest.mark.skipif(not os.environ.get("TANDEM_ALL_MODELS"), reason="TANDEM_ALL_MODELS=1 runs it")
EVERY = [pytest.param(row, marks=[] if row[0] in CHEAP else [everything], id=row[0]) for row in ROWS]


def output_of(*words: str) -> str:
    """What `python -m` with some words prints, from the root of the checkout."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_table_has_both_kinds_of_layer_of_four_models() -> None:
    assert len(ROWS) == 8


@pytest.mark.parametrize("row", EVERY)
def test_a_command_prints_the_figures_beside_it(row: tuple[str, ...]) -> None:
    _, command, cycles, utilization, energy = row
    found = json.loads(output_of("sim", "run", "--pattern", *shlex.split(command), "--json", "-"))
    total = sum(found["energy_pj"].values())
    stated = f"{found['cycles']:,}", f"{found['utilization']:.3f}", si(total / 1e12, "J")
    assert stated == (cycles, utilization, energy)


def models() -> list[tuple[str, ...]]:
    """Name, layers with a window, layers that see all, cycles, cycles if all saw all, ratio."""
    line = r"^\| (\S+ .+?) \| (\d+)(?: and (\d+))? \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|$"
    return re.findall(line, PAGE, re.MULTILINE)


TRACES = {"Mistral 7B": "mistral-7b-8k", "Gemma 3 4B": "gemma3-4b-8k", "gpt-oss 20B": "gpt-oss-20b-8k"}


@everything
@pytest.mark.parametrize("model", TRACES)
def test_a_trace_takes_the_cycles_of_its_row(model: str) -> None:
    taken = next(row[3] for row in models() if row[0] == model)
    found = json.loads(output_of("sim", "run", TRACES[model], "--json", "-"))
    assert f"{found['cycles']:,}" == taken
    assert not any("attention" in op["kind"] for op in found["not_run"])


def test_modernbert_runs_its_windows_alone() -> None:
    (cycles,) = (int(row[2].replace(",", "")) for row in ROWS if row[0] == "ModernBERT base, 129 keys")
    found = json.loads(output_of("sim", "run", "modernbert-8k", "--json", "-"))
    assert found["cycles"] == 14 * cycles
    assert sum(op["kind"] == "attention" for op in found["not_run"]) == 8


def test_models_are_the_sums_of_their_layers() -> None:
    cycles = {name: int(number.replace(",", "")) for name, _, number, _, _ in ROWS}
    window = [name for name in cycles if not name.endswith("all keys")]
    every = dict(zip(window, [name for name in cycles if name.endswith("all keys")], strict=True))
    table = models()
    assert len(table) == len(window)
    for name, windows, full, taken, dense, ratio in table:
        one = next(layer for layer in window if layer.startswith(name))
        own = int(windows) * cycles[one] + int(full or 0) * cycles[every[one]]
        other = (int(windows) + int(full or 0)) * cycles[every[one]]
        assert (taken, dense) == (f"{own:,}", f"{other:,}")
        assert ratio == f"{other / own:.{len(ratio.partition('.')[2])}f}"


def test_the_ceiling_of_a_step_of_generation() -> None:
    (command, ceiling) = re.findall(r"(0\.\d{3}) \(`python -m (benchmarks\.salo_ceiling .*?)`\)", PAGE)[0][
        ::-1
    ]
    said = output_of(*shlex.split(command))
    assert said.startswith("128 passes of a head, 4,096 pairs") and said.endswith(f"ceiling {ceiling}\n")


@everything
def test_ceilings_are_those_that_brute_force_finds() -> None:
    table = re.findall(r"^\| (.+?) \| (0\.\d{3}) \| (0\.\d{3}) \|", PAGE, re.MULTILINE)
    commands = {name: shlex.split(command) for name, command, *_ in ROWS}
    reached = {name: utilization for name, _, _, utilization, _ in ROWS}
    assert len(table) == 4
    for name, ceiling, utilization in table:
        words = commands[name]
        size = words[words.index("--head-dim") + 1] if "--head-dim" in words else "64"
        assert output_of("benchmarks.salo_ceiling", words[0], size).endswith(f"ceiling {ceiling}\n")
        assert utilization == reached[name] and float(utilization) <= float(ceiling)

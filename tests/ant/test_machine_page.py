"""docs/ant-machine.md: its rows are what the command gives; `TANDEM_ALL_MODELS=1` runs the long ones too."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.run import Request, simulate

PAGE = (Path(__file__).parents[2] / "docs" / "ant-machine.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `([\w-]+)` \| (?:`(.*?)`)? *\| ([\d,]+) \| (0\.\d{3}) \| (0\.\d{3}) \|$", PAGE, re.MULTILINE
)
PRESETS = re.findall(
    r"^\| `([\w-]+)` \| (\d+) × (\d+) of (\d) bits \| (\w+) \| .* \| (\d\.\d) \|$", PAGE, re.MULTILINE
)
BLOCKS = re.findall(
    r"^\| `--bits (\w+)` \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE
)
LONG = ("longformer", "16")


def request(workload: str, options: str) -> Request:
    """Return what the words of a row ask for."""
    words, more = shlex.split(options), dict[str, Any]()
    settings: dict[str, object] = {}
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "--set":
            key, _, setting = value.partition("=")
            settings[key] = setting
        else:
            more[option.lstrip("-")] = int(value) if option == "--batch" else value
    return Request(workload=workload, machine="ant", settings=settings, **more)


def test_the_page_has_rows() -> None:
    assert len(ROWS) == 8


@pytest.mark.parametrize(("workload", "options", "cycles", "busy", "utilization"), ROWS)
def test_rows_are_what_the_command_gives(
    workload: str, options: str, cycles: str, busy: str, utilization: str
) -> None:
    if any(word in (workload, *options.split()) for word in LONG) and not os.environ.get("TANDEM_ALL_MODELS"):
        pytest.skip("TANDEM_ALL_MODELS=1 runs it")
    report = simulate(request(workload, options)).report
    assert f"{report.cycles:,}" == cycles and not report.not_run
    assert f"{report.compute_cycles / report.cycles:.3f}" == busy
    assert f"{report.utilization:.3f}" == utilization


def test_block_formats_move_what_the_page_says() -> None:
    assert len(BLOCKS) == 3
    for bits, cycles, read, written, sums in BLOCKS:
        options = f"--bits {bits}" + (" --set array.formats=int4,int8,int8u,e2m1" if "fp" in bits else "")
        report = simulate(request("bert-base-128", options)).report
        moved = report.dram.useful_read_bytes, report.dram.write_bytes
        found = [f"{report.cycles:,}", *(f"{size / 1e6:.1f}" for size in moved)]
        found.append(f"{report.scratchpad['accumulator'].read_bytes / 1e6:,.0f}")
        assert found == [cycles, read, written, sums]


def test_the_presets_are_as_the_page_says() -> None:
    assert {name for name, *_ in PRESETS} == set(ANT_FAMILY.presets)
    for name, rows, cols, bits, dataflow, cycles in PRESETS:
        array = ANT_FAMILY.presets[name].config.array
        assert (array.rows, array.cols, array.pe_bits) == (int(rows), int(cols), int(bits))
        assert array.dataflow == dataflow
        report = simulate(Request(workload="resnet18", preset=name)).report
        assert f"{report.cycles / 1e6:.1f}" == cycles, name

"""docs/ant-salo.md: its rows are what the command gives; `TANDEM_ALL_MODELS=1` runs the long ones too."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from tandemsim.sim.run import Request, simulate

PAGE = (Path(__file__).parents[2] / "docs" / "ant-salo.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w-]+)` \| (?:`(.*?)`)? *\| ([\d,]+) \| (0\.\d{3}) \|$", PAGE, re.MULTILINE)
LONG = "longformer"


def test_the_page_has_rows() -> None:
    assert len(ROWS) == 5 and LONG in {row[0] for row in ROWS}


@pytest.mark.parametrize(("workload", "options", "cycles", "busy"), ROWS)
def test_rows_are_what_the_command_gives(workload: str, options: str, cycles: str, busy: str) -> None:
    if workload == LONG and not os.environ.get("TANDEM_ALL_MODELS"):
        pytest.skip("TANDEM_ALL_MODELS=1 runs it")
    words = shlex.split(options)
    given = dict(zip(words[::2], words[1::2], strict=True))
    settings = dict([given["--set"].split("=")]) if "--set" in given else {}
    bits = given.get("--bits")
    request = Request(workload=workload, machine="ant+salo", settings=settings, bits=bits)
    report = simulate(request).report
    assert f"{report.cycles:,}" == cycles and not report.not_run
    assert f"{report.compute_cycles / report.cycles:.3f}" == busy

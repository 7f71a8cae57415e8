"""docs/cpu-machine.md: its commands print what it shows, and its table has the preset's constants."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tandemsim.sim.arch.settings import fields_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "cpu-machine.md").read_text()


def test_commands_print_what_the_page_shows() -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "110"}
    commands = 0
    for block in re.findall(r"(?:^ {4}.*\n)+", TEXT, re.MULTILINE):
        lines = [line[4:] for line in block.splitlines()]
        for place, line in enumerate(lines):
            if not line.startswith("$ "):
                continue
            rest = lines[place + 1 :]
            shown = rest[: next((n for n, other in enumerate(rest) if other.startswith("$ ")), len(rest))]
            run = ["bash", "-o", "pipefail", "-c", line[2:]]
            done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
            assert [said.rstrip() for said in done.stdout.splitlines()] == shown
            commands += 1
    assert commands == 3


def test_every_field_of_the_table_exists_and_fitted_ones_are_told_by_value() -> None:
    names = {name: value for name, value, _ in fields_of(THREADRIPPER_3990X)}
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("|") and "`" in line]
    for row in rows:
        for name in re.findall(r"`([a-z0-9_.]+)`", row[2]):
            assert name in names or name == "dram"
    told = " ".join(row[3] for row in rows)
    for name in ("rates.efficiency", "rates.whole_rows", "rates.strided"):
        assert str(names[name]) in told
    assert f"{names['team.thread_seconds'] * 1e6:.3f} µs" in told

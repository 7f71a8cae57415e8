"""docs/onnx.md: its commands print what it shows, and its tables name every operator, and no other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tandemsim.traces.limits import MAX_OPS
from tandemsim.workloads.known_masks import DENIED
from tandemsim.workloads.onnx import control, files, recurrent
from tandemsim.workloads.onnx.table import OPERATORS, REFUSED
from tests.onnx.small_models import MICROSOFT

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "onnx.md").read_text()


def steps() -> list[tuple[str, list[str]]]:
    """Files to write, ``("# tagger.py", lines)``, and commands with their output, in the page's order."""
    found: list[tuple[str, list[str]]] = []
    blocks = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", TEXT, re.MULTILINE)
    for line in (line[4:] for block in blocks for line in block.splitlines()):
        if line.startswith(("$ ", "# ")):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    for name in ("sim", "traces", "workloads", "tandemsim"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"}
    commands = 0
    for line, shown in steps():
        if line.startswith("# "):
            (tmp_path / line[2:]).write_text("\n".join(shown) + "\n")
            continue
        run = ["bash", "-c", f"{line[2:]} 2>&1"]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        said = "\n".join(shown).strip("\n")
        assert done.stdout.strip("\n") == said, f"{line}\n{done.stdout}{done.stderr}"
        assert done.returncode == (2 if said.startswith("workloads: ") else 0), line
        commands += 1
    assert commands >= 7


def named(first: str) -> list[str]:
    """The operators in the first column of the table that begins with a header."""
    table = TEXT.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in row.split("|")[1].replace("`", "").split()]


def test_the_tables_name_every_operator_once() -> None:
    for domain, first in (("", "ONNX"), (MICROSOFT, "com.microsoft")):
        known = sorted(name for of, name in OPERATORS if of == domain)
        assert sorted(named(first)) == known


def test_refused_operators_of_onnxruntime_are_those_of_the_page() -> None:
    text = TEXT.partition("- in `com.microsoft`:")[2].partition("- the domains")[0]
    names = [name for words in re.findall(r"`([A-Za-z ]+)`", text) for name in words.split()]
    assert sorted(names) == sorted(name for domain, name in REFUSED if domain == MICROSOFT)


def test_limits_are_those_of_the_page() -> None:
    assert control.MOST_ROUNDS == recurrent.MOST_STEPS == 4096
    assert f"more than {MAX_OPS:,} ops" in TEXT
    assert "at most 4,096 steps" in TEXT and "more than 4,096 rounds" in TEXT
    assert f"opsets before {files.OLDEST}," in TEXT
    assert f"at most −{-int(DENIED):,}" in TEXT

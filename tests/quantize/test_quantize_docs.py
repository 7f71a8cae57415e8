"""docs/quantization.md: its commands print what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "quantization.md").read_text()


def steps():
    """Files to write, ``("# weights.py", lines)``, and commands with their output, in the page's order.

    Blocks that begin with neither are commands that need torch, and take minutes.
    """
    found = []
    for block in re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", TEXT, re.MULTILINE):
        lines = [line[4:] for line in block.splitlines()]
        if not lines[0].startswith(("$ ", "# ")):
            continue
        for line in lines:
            if line.startswith(("$ ", "# ")):
                found.append((line, []))
            else:
                found[-1][1].append(line)
    return found


def test_commands_print_what_the_page_shows(tmp_path):
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
    assert commands >= 6

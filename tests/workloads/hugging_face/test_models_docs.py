"""docs/models.md: its commands print what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "models.md").read_text()


def commands():
    """Return each command of the page with the output that it shows."""
    found = []
    blocks = re.findall(r"(?:^ {4}.*\n)+", TEXT, re.MULTILINE)
    for line in (line[4:] for block in blocks if block.startswith("    $ ") for line in block.splitlines()):
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def test_commands_print_what_the_page_shows(tmp_path):
    for name in ("sim", "traces", "workloads", "tandemsim"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"}
    assert len(commands()) >= 3
    for command, shown in commands():
        run = ["bash", "-c", f"{command} 2>&1"]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert done.stdout == "".join(f"{line}\n" for line in shown), command
        assert done.returncode == (2 if shown[0].startswith("workloads: ") else 0), command

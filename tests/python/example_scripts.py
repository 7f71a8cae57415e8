"""The scripts of examples/, each with what it prints beside it.

``python -m tests.python.example_scripts`` writes what they print anew, and leaves out those that need
PyTorch where it is not installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MODELS = ("own_model",)  # those that need PyTorch: `make test-models` runs them


def names() -> list[str]:
    """Return the names of all scripts."""
    return sorted(path.stem for path in EXAMPLES.glob("*.py"))


def expected(name: str) -> str:
    """Return what a script is to print."""
    return (EXAMPLES / f"{name}.out").read_text()


def output(name: str, folder: Path) -> str:
    """Return what a script prints, run in an empty folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


if __name__ == "__main__":
    for script in names():
        if script not in MODELS or find_spec("torch"):
            with tempfile.TemporaryDirectory() as place:
                (EXAMPLES / f"{script}.out").write_text(output(script, Path(place)))

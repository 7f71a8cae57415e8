"""Build the wheel, install it alone in an empty environment, and use it from a folder that is not the tree.

What only a wheel shows: a package or a data file that the build leaves out, a dependency that is not
declared, a console script that does not start, a path that holds in a checkout only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environment

# Not copied, so that the wheel holds what the sources say and no left-over of an earlier build.
NOT_SOURCES = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache"
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tandemsim-wheel-") as name:
        folder = Path(name)
        source, venv, elsewhere = folder / "source", folder / "venv", folder / "elsewhere"
        shutil.copytree(environment.ROOT, source, ignore=NOT_SOURCES)
        elsewhere.mkdir()
        environment.create(venv)
        print("Building and installing the wheel", flush=True)
        environment.install(venv, [str(source)])
        shutil.rmtree(source)  # nothing may be read from it any more
        tandem = str(venv / "bin" / "tandem")
        call([tandem, "list"], elsewhere)
        first = timed_run(tandem, elsewhere)
        second = timed_run(tandem, elsewhere)
        call([tandem, "run", "longformer", "--out", "results"], elsewhere)
        print("results:", *sorted(path.name for path in (elsewhere / "results").iterdir()))
        print(f"tandem run longformer: first call {first:.1f} s, second {second:.1f} s")
    return 0


def timed_run(tandem: str, folder: Path) -> float:
    """Run longformer, check that its report is one, and return the seconds it took."""
    start = time.perf_counter()
    report = json.loads(call([tandem, "run", "longformer", "--json", "-"], folder))
    assert report["schema"] == "tandem-report/1", report["schema"]
    assert report["cycles"] > 0, report["cycles"]
    return time.perf_counter() - start


def call(command: list[str], folder: Path) -> str:
    """Return what `command` prints, run in `folder` and without the tree on its path."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, check=True, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main())

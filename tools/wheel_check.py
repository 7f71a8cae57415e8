"""Build the wheel, install it alone in an empty environment, and use it from a folder that is not the tree.

What only a wheel shows: a package or a data file that the build leaves out, a dependency that is not
declared, a console script that does not start, a path that holds in a checkout only. The folder has packages
`sim` and `rtl` of its own, as projects with cocotb do, and PyPI's `traces` (time series) is installed too,
before and after.
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


# Both packages work, and ours is one name.
BOTH = """
import importlib.metadata, sys, tandemsim.traces.pattern
from traces import TimeSeries
tandemsim.traces.pattern.Pattern.sliding(8, 3), TimeSeries()
files = {str(path) for path in importlib.metadata.files("tandemsim")}
missing = [path for path in sys.argv[1:] if "tandemsim/" + path not in files]
assert not missing, missing
tops = {path.parts[0] for path in importlib.metadata.files("tandemsim")} - {"..", "__pycache__"}
assert {top for top in tops if not top.endswith(".dist-info")} == {"tandemsim"}, tops
"""
OTHER = "traces"  # of PyPI


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tandemsim-wheel-") as name:
        folder = Path(name)
        source, elsewhere = folder / "source", folder / "elsewhere"
        shutil.copytree(environment.ROOT, source, symlinks=True, ignore=NOT_SOURCES)
        for package in ("sim", "rtl"):
            (elsewhere / package).mkdir(parents=True)
            (elsewhere / package / "__init__.py").write_text("raise ImportError('of the user')\n")
        folders = ("sim", "rtl", "traces", "workloads")
        paths = [path for top in folders for path in sorted((source / top).rglob("*.py"))]
        sources = [str(path.relative_to(source)) for path in paths]
        for number, order in enumerate(([str(source), OTHER], [OTHER, str(source)])):
            venv = folder / f"venv{number}"
            environment.create(venv)
            print("Installing", " and then ".join(Path(package).name for package in order), flush=True)
            for package in order:
                environment.install(venv, [package])
            call([str(venv / "bin" / "python"), "-c", BOTH, *sources], elsewhere)
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

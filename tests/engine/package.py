"""A copy of the package in a temporary folder, for what must be tested in fresh processes.

Two modules are added: a kernel, and a helper of its in another file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HELPER = (
    "from tandemsim.sim.engine.jit import jit\n\n\n@jit\ndef scale(number):\n    return {factor} * number\n"
)
KERNEL = """\
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.factor import FACTOR
from tandemsim.sim.helper import scale
from tandemsim.traces.offset import OFFSET


@jit
def run(number):
    return scale(number) * FACTOR + OFFSET
"""
ASK = "from tandemsim.sim.kernel import run; print(run(5), sum(run.stats.cache_hits.values()))"


def make_package(folder: Path) -> Path:
    """Make a checkout whose package `sim` has our jit, a kernel and its helper; return its folder."""
    for name in (
        "pyproject.toml",
        "tandemsim/__init__.py",
        "sim/__init__.py",
        "sim/engine/__init__.py",
        "sim/engine/jit.py",
        "sim/engine/kernel_cache.py",
    ):
        target = folder / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    tree = folder / "tree"
    (tree / "sim/kernel.py").write_text(KERNEL)
    (tree / "sim/helper.py").write_text(HELPER.format(factor=3))
    (tree / "sim/factor.py").write_text("FACTOR = 1\n")
    (tree / "traces").mkdir()
    (tree / "traces/offset.py").write_text("OFFSET = 0\n")
    return tree


def ask(tree: Path, code: str = ASK, **environment: str) -> str:
    """Run `code` in a fresh process beside the package and return what it prints."""
    given = {"TANDEM_CACHE_DIR": str(tree.parent / "cache"), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=clean | given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

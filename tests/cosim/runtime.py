"""Verilator's own library, compiled once: of the six seconds that a small circuit takes to build it is five.

Each build has a copy of its objects, younger than the makefile that Verilator is about to write, and so make
leaves them as they are.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

OBJECTS = ("verilated.o", "verilated_dpi.o", "verilated_threads.o", "verilated_vpi.o")  # none is of a circuit
AHEAD = 3600  # seconds; longer than any build


def lend(folder: Path, builds: Path, arguments: list[str]) -> None:
    """Put the objects into a folder in which Verilator is to build, if they have been compiled before."""
    for kept in map(_store(builds, arguments).joinpath, OBJECTS):
        if kept.exists():
            shutil.copyfile(kept, folder / kept.name)
            os.utime(folder / kept.name, times=(later := time.time() + AHEAD, later))


def keep(folder: Path, builds: Path, arguments: list[str]) -> None:
    """Keep the objects of a folder in which Verilator has built."""
    store = _store(builds, arguments)
    store.mkdir(parents=True, exist_ok=True)
    for name in OBJECTS:
        if (folder / name).exists() and not (store / name).exists():
            part = store / f"{name}.{os.getpid()}"
            shutil.copyfile(folder / name, part)
            part.rename(store / name)  # whole, or not there


def _store(builds: Path, arguments: list[str]) -> Path:
    known = version("verilator"), _compiler(), arguments, os.environ.get("MAKEFLAGS")
    return builds / f"verilator-library-{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}"


@functools.cache
def _compiler() -> str:
    return subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False).stdout

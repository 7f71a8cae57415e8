"""Compiles kernels in a second process while this one compiles others: the first call after an installation.

Compilation is most of that call, and it uses one core. So a module that only calls kernels, `sim.memory.warm`
say, is run by another Python when a machine begins; its kernels land in the disk cache, from which this
process takes them. ::

    other = compile_beside("sim.memory.warm")
    ...  # compile and run what needs none of those kernels
    other.wait()
"""

from __future__ import annotations

import subprocess
import sys

from sim.engine.jit import SETTINGS
from sim.engine.kernel_cache import SIM, cache_folder


class Beside:
    """A process that compiles, or none."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self._process = process

    def wait(self) -> None:
        """Return when the process has ended. Were it to fail, this one would compile its kernels too."""
        if self._process:
            self._process.wait()
            self._process = None


def compile_beside(module: str) -> Beside:
    """Run a module of `sim` in a second process; once for each cache folder, since its kernels stay there."""
    folder = None if SETTINGS.DISABLE_JIT else cache_folder()
    if folder is None or not sys.executable:
        return Beside(None)
    try:
        (folder / f"{module}.begun").touch(exist_ok=False)  # of many processes, the first
        command = [sys.executable, "-m", module]
        silent = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=SIM.parent, stdin=silent, stdout=silent, stderr=silent)
    except OSError:  # it has been run, or none can be
        return Beside(None)
    return Beside(process)

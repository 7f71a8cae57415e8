"""Compiles kernels in a second process while this one compiles others: the first call after an installation.

Compilation is most of that call, and it uses one core. So a module that only calls kernels, `sim.memory.warm`
say, is run by another Python when a machine begins; its kernels land in the disk cache, from which this
process takes them. ::

    other = compile_beside("tandemsim.sim.memory.warm")
    ...  # compile and run what needs none of those kernels
    other.wait()
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tandemsim.sim.engine.jit import SETTINGS
from tandemsim.sim.engine.kernel_cache import cache_folder
from tandemsim.sim.shell.modules import module_command
from tandemsim.sim.shell.stopping import add_cleaner, remove_cleaner, unstopped


class Beside:
    """A process that compiles, or none. It does not outlive this one when a signal ends this one."""

    def __init__(self, process: subprocess.Popen[bytes] | None, begun: Path | None = None) -> None:
        self._process, self._begun = process, begun
        if process:
            add_cleaner(self._kill)

    def wait(self) -> None:
        """Return when the process has ended. Were it to fail, this one would compile its kernels too."""
        if self._process:
            self._process.wait()
            remove_cleaner(self._kill)
            self._process = None

    def _kill(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            if self._begun:
                self._begun.unlink(missing_ok=True)  # another run may compile beside again


def compile_beside(module: str) -> Beside:
    """Run a module, by its full name, in a second process; once per cache folder: its kernels stay there."""
    folder = None if SETTINGS.DISABLE_JIT else cache_folder()
    if folder is None or not sys.executable:
        return Beside(None)
    begun = folder / f"{module}.begun"
    command, silent = module_command(module), subprocess.DEVNULL
    try:
        with unstopped():  # until it is known to the one who stops
            begun.touch(exist_ok=False)  # of many processes, the first
            process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent)
            return Beside(process, begun)
    except OSError:  # it has been run, or none can be
        return Beside(None)

"""Modules of this package as processes of their own, from whatever folder the user is in."""

from __future__ import annotations

import sys
from pathlib import Path

# Where the package lies: the checkout, or site-packages.
PARENT = Path(str(sys.modules[__name__.partition(".")[0]].__file__)).resolve().parents[1]
# First on the path, before another checkout that the environment knows; but not where Python finds it
# anyway, or site-packages would hide the standard library. -P leaves out the user's folder, which may hold a
# numpy.py.
RUN = """\
import runpy, sys
if {parent!r} not in sys.path:
    sys.path.insert(0, {parent!r})
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` as ``__main__`` with `arguments`.

    `module`: its full name, ``tandemsim.sim.memory.warm``, which the import table counts as an import.
    """
    code = RUN.format(parent=str(PARENT), module=module)
    return [sys.executable, "-P", "-c", code, *arguments]

"""Modules of this package as processes of their own, from whatever folder the user is in."""

from __future__ import annotations

import sys
from pathlib import Path

NAMESPACE = __name__.partition(".")[0]
# Where the package lies: the checkout, or site-packages.
PARENT = Path(str(sys.modules[NAMESPACE].__file__)).resolve().parents[1]
# Last on the path, so that what lies beside the package hides nothing of the standard library; and -P leaves
# out the user's folder, which may hold a numpy.py.
RUN = """\
import runpy, sys
sys.path.append({parent!r})
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` as ``__main__`` with `arguments`.

    `module`: its full name, ``tandemsim.sim.memory.warm``, which the import table counts as an import.
    """
    code = RUN.format(parent=str(PARENT), module=f"{NAMESPACE}.{module.removeprefix(f'{NAMESPACE}.')}")
    return [sys.executable, "-P", "-c", code, *arguments]

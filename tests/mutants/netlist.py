"""The netlist that faults are put into, and its way to Verilog.

It is Amaranth's RTLIL of the whole circuit after the passes with which every synthesis begins: processes
become multiplexers and registers, bits that nobody reads are cut off. Nobody could tell of faults in those.
"""

from __future__ import annotations

import re

from amaranth._toolchain.yosys import find_yosys

from tandemsim.rtl.lib.emit import rtlil_of
from tandemsim.rtl.lib.names import module_of, unit_name
from tests.mutants.families import family_of
from tests.mutants.rtlil import Module, read, write

SIMPLER = """
proc
opt -nodffe
wreduce
opt -nodffe
attrmap -remove src -remove generator -remove amaranth.hierarchy -remove amaranth.decoding -remove top
attrmap -modattr -remove generator -remove top -remove src -remove amaranth.hierarchy
write_rtlil
"""


def netlist(config: str) -> dict[str, Module]:
    """Return the modules of a config's whole circuit, and of units that it does not hold.

    Units appear once, and have no digest in their names.
    """
    family, found = family_of(config), {}
    for kind in (family.circuit, *family.apart):
        made = kind(family.configs[config])
        before, _, digits = module_of(made).partition(unit_name(kind))
        plain = re.sub(rf"\\{before}(\w+?){digits}", r"\\\1", rtlil_of(made))
        found |= read(yosys(plain, SIMPLER))
    return found


def verilog(modules: dict[str, Module], top: str) -> str:
    """Return the Verilog of a module and of all below it."""
    kept = {name: modules[name] for name in below(modules, top)}
    script = (
        f"hierarchy -top {modules[top].name}\nmemory_collect\nattrmap -modattr -remove top\nwrite_verilog\n"
    )
    return yosys(write(kept), script)


def below(modules: dict[str, Module], top: str) -> list[str]:
    """Return a module's name and those of all that it holds."""
    found = {top: None}
    waiting = [top]
    while waiting:
        types = {cell.type for cell in modules[waiting.pop()].cells.values() if cell.type in modules}
        waiting += sorted(types - set(found))
        found |= dict.fromkeys(sorted(types))
    return list(found)


def yosys(text: str, script: str) -> str:
    """Return what Amaranth's Yosys prints for a script that begins with the RTLIL `text`."""
    tool = find_yosys(lambda version: version >= (0, 40))
    # It warns of memories that it writes as arrays, and of x where no case of a switch holds.
    return str(tool.run(["-q", "-"], f"read_rtlil <<rtlil\n{text}\nrtlil\n{script}", ignore_warnings=True))

"""Finds wires, constants and repetitions of no bits, which Verilog takes for something else."""

import re

# A range of no bits is one of two, and a constant or a repetition of none is none at all.
EMPTY = re.compile(r"\[-1:0\]|\b0'[sS]?[bdhoBDHO]|\{\s*0\s*\{")


def empty_wires(text: str) -> list[str]:
    """Return the lines of Verilog that have one."""
    return [line.strip() for line in text.splitlines() if EMPTY.search(line)]

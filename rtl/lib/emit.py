"""From a component to Verilog, with identical units written once.

An array of a thousand PEs is one module of PEs and a thousand instances of it. Amaranth would write a module
for each, a minute's work for it and more for every tool behind it. `unit` puts an instance there when Verilog
is written, and the unit itself when Amaranth simulates: the same source serves both.
"""

from __future__ import annotations

import re

from amaranth import ClockSignal, Instance, ResetSignal, Value
from amaranth._toolchain.yosys import find_yosys  # as `amaranth.back.verilog` does, with a script of our own
from amaranth.back import rtlil
from amaranth.lib import wiring


class SharedUnits:
    """The units of a design by the name of their class, as RTLIL; Amaranth hands it to `elaborate`."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def instance(self, component: wiring.Component) -> Instance:
        """Return an instance of the component's module, connected to the component's ports."""
        name = module_name(type(component).__name__)
        if name not in self.texts:
            self.texts[name] = rtlil.convert(component, name=name, platform=self, emit_src=False)
        component._MustUse__silence = True  # only the first is elaborated; no warning of the rest
        ports = {}
        if re.search(r"input \d+\s+\\clk$", self.texts[name], re.MULTILINE):
            ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in component.signature.flatten(component):
            prefix = "i_" if member.flow is wiring.In else "o_"
            if len(Value.cast(value)):
                ports[prefix + "__".join(map(str, path))] = Value.cast(value)
        return Instance(name, **ports)


def unit(platform: object, component: wiring.Component) -> wiring.Component | Instance:
    """Return what stands for a unit of which a design has many."""
    return platform.instance(component) if isinstance(platform, SharedUnits) else component


def module_name(class_name: str) -> str:
    """Return the name of a class as that of a module or file: ``WeightedSum`` is ``weighted_sum``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


def verilog(component: wiring.Component) -> str:
    """Return the Verilog of a component and all its units: the same text each time, without source paths."""
    shared = SharedUnits()
    top = module_name(type(component).__name__)
    text = rtlil.convert(component, name=top, platform=shared, emit_src=False)
    yosys = find_yosys(lambda version: version >= (0, 40))
    script = [SCRIPT[0].format("\n".join([text, *shared.texts.values()])), *SCRIPT[1:]]
    # Yosys makes functions of some multiplexers; Icarus takes one whose name begins with $ for its own.
    return str(yosys.run(["-q", "-"], "\n".join(script))).replace("\\$procmux$", "\\mux$")


# Processes become multiplexers: an `always @*` of constants waits for an event that never comes when the file
# is read as SystemVerilog, and stays X. Attributes hold names of Amaranth's own.
ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
REMOVED = " ".join(f"-remove {name}" for name in ATTRIBUTES)
SCRIPT = (
    "read_rtlil <<rtlil\n{}\nrtlil",
    "proc",
    "memory_collect",
    f"attrmap {REMOVED}",
    f"attrmap -modattr {REMOVED}",
    "write_verilog -norename",
)

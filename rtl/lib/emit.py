"""From a component to Verilog, with identical units written once.

An array of a thousand PEs is one module of PEs and a thousand instances of it. Amaranth would write a module
for each, a minute's work for it and more for every tool behind it. `unit` puts an instance there when Verilog
is written, and the unit itself when Amaranth simulates: the same source serves both.
"""

from __future__ import annotations

import inspect
import re
from typing import cast

from amaranth import Value
from amaranth._toolchain.yosys import find_yosys  # as `amaranth.back.verilog` does, with a script of our own
from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring

from tandemsim.rtl.lib.names import Key, module_name, names_of
from tandemsim.sim.arch.checks import digest


class SharedUnits:
    """The units of a design by class and configuration, as RTLIL; Amaranth hands it to `elaborate`.

    What a unit is called depends on the other units of the design. Until all of them are known each has the
    name ``unit:<number>:``, which no signal can have.
    """

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._texts: dict[Key, str] = {}
        self._digests: dict[object, str] = {}  # a thousand PEs have one config

    def instance(self, component: wiring.Component) -> Instance:
        """Return an instance of the component's module, connected to the component's ports.

        Raises `TypeError` for a component that has more arguments than its config: two of one config could
        differ.
        """
        key = self._key(component)
        if key not in self._texts:
            name = _temporary(self._numbers.setdefault(key, len(self._numbers)))
            self._texts[key] = rtlil.convert(component, name=name, platform=self, emit_src=False)
        component._MustUse__silence = True  # only the first is elaborated; no warning of the rest
        ports = {}
        if re.search(r"input \d+\s+\\clk$", self._texts[key], re.MULTILINE):
            ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in component.signature.flatten(component):
            prefix = "i_" if member.flow is wiring.In else "o_"
            if len(Value.cast(value)):
                ports[prefix + "__".join(map(str, path))] = Value.cast(value)
        return Instance(_temporary(self._numbers[key]), **ports)

    def named(self, top: str, text: str) -> str:
        """Return the RTLIL of the design: that of its top and of its units, by their names.

        Raises `ValueError` where two units cannot be told apart, see `rtl.lib.names`.
        """
        names = names_of(self._numbers, top)
        by_number = {number: names[key] for key, number in self._numbers.items()}
        whole = "\n".join([text, *self._texts.values()])
        return re.sub(r"unit:(\d+):", lambda found: by_number[int(found[1])], whole)

    def _key(self, component: wiring.Component) -> Key:
        kind, config = type(component), component.config
        arguments = ", ".join(inspect.signature(kind).parameters)
        if arguments != "config":
            raise TypeError(f"{kind.__qualname__} must take its config alone to be shared, not ({arguments})")
        if config not in self._digests:
            self._digests[config] = digest(config)
        return Key(kind, self._digests[config])


def _temporary(number: int) -> str:
    return f"unit:{number}:"


def unit(platform: object, component: wiring.Component) -> wiring.Component | Instance:
    """Return what stands for a unit of which a design has many."""
    return platform.instance(component) if isinstance(platform, SharedUnits) else component


def rtlil_of(component: wiring.Component) -> str:
    """Return the RTLIL of a component and all its units, each once."""
    shared = SharedUnits()
    top = module_name(type(component).__name__)
    return shared.named(top, rtlil.convert(component, name=top, platform=shared, emit_src=False))


def verilog(component: wiring.Component) -> str:
    """Return the Verilog of a component and all its units: the same text each time, without source paths."""
    yosys = find_yosys(lambda version: version >= (0, 40))
    script = [SCRIPT[0].format(rtlil_of(component)), *SCRIPT[1:]]
    # Yosys makes functions of some multiplexers; Icarus mistakes a name beginning with $ for one of its own.
    return cast(str, yosys.run(["-q", "-"], "\n".join(script))).replace("\\$procmux$", "\\mux$")


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

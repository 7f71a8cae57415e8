"""Builds a circuit's Verilog for a simulator, runs the bench on it, and brings back what the bench saw.

Builds are kept below ``build/cosim`` under the digest of the Verilog and reused. ``WAVES=1`` leaves a
waveform.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from amaranth import Value
from amaranth.lib import wiring
from cocotb_tools.runner import get_results, get_runner

from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.testbench.words import value_of
from tandemsim.sim.arch.wires import Wire
from tests.cosim import runtime, simulators
from tests.rtl.ports import number, shapes
from tests.rtl.unit import BROKEN_OFF

ROOT = Path(__file__).resolve().parents[2]
BUILDS = ROOT / "build" / "cosim"
QUIET = 40  # cycles after the last word in which nothing more may come


@dataclass(frozen=True)
class Build:
    """A circuit that is built for a simulator."""

    top: str
    simulator: str
    folder: Path
    ports: dict[str, tuple[str, bool, int]]  # direction, signed, width
    shapes: dict[str, Any]  # of ports that are not streams

    def _kept_waves(self, name: str) -> Path:
        """Give the waveform that the simulator has just written, under a fixed name, that of the run."""
        written = [*self.folder.glob("*.fst"), *self.folder.glob("*.vcd")]
        latest = max(written, key=lambda path: path.stat().st_mtime)
        return latest.rename(self.folder / f"{name}{latest.suffix}")

    def run(self, stimulus: dict[str, Any], name: str) -> Any:
        """Run the bench; raise `AssertionError` with the end of its log when it does not end well."""
        waves = _waves()
        given, result = self.folder / f"{name}.stimulus.json", self.folder / f"{name}.result.json"
        log = self.folder / f"{name}.log"
        given.write_text(json.dumps(stimulus))
        result.unlink(missing_ok=True)
        with simulators.environment(self.simulator):
            runner = get_runner(self.simulator)
            files = {"TANDEM_STIMULUS": str(given), "TANDEM_RESULT": str(result)}
            files["COCOTB_REWRITE_ASSERTION_FILES"] = ""  # the bench asserts nothing, and pytest loads slowly
            try:
                xml = runner.test(
                    hdl_toplevel=self.top,
                    hdl_toplevel_lang="verilog",
                    test_module="tests.cosim.bench",
                    build_dir=self.folder,
                    test_dir=self.folder,
                    results_xml=str(self.folder / f"{name}.xml"),
                    extra_env=files,
                    waves=waves,
                    log_file=log,
                )
                ended_well = get_results(xml) == (1, 0)
            except SystemExit:  # how the runner says that a test failed
                ended_well = False
        if not ended_well or not result.exists():
            raise AssertionError(f"{self.top} on {self.simulator} failed:\n{_tail(log)}")
        if waves:
            print(f"waveform: {self._kept_waves(name)}")
        return json.loads(result.read_text())


def is_built(component: wiring.Component, simulator: str) -> bool:
    """Whether `build` would find the component built."""
    return (_folder(component, simulator, verilog(component)) / "built").exists()


def _folder(component: wiring.Component, simulator: str, text: str) -> Path:
    top, arguments = module_of(component), simulators.build_arguments(simulator, _waves())
    key = hashlib.sha256(f"{text}{arguments}{_waves()}".encode()).hexdigest()[:16]
    return BUILDS / f"{top}-{simulator}-{key}"


def _waves() -> bool:
    return os.environ.get("WAVES", "0") not in ("", "0")


def build(component: wiring.Component, simulator: str, text: str | None = None) -> Build:
    """Return the component's Verilog, or `text` in its place, built for the simulator."""
    top = module_of(component)
    ports = {
        "__".join(map(str, path)): (member.flow.name, _signed(value), len(Value.cast(value)))
        for path, member, value in component.signature.flatten(component)
    }
    text = verilog(component) if text is None else text
    folder = _folder(component, simulator, text)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two test processes may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            _compile(text, top, simulator, folder)
    return Build(top, simulator, folder, ports, shapes(component))


def _compile(text: str, top: str, simulator: str, folder: Path) -> None:
    source, visible = folder / f"{top}.v", folder / "visible.vlt"
    source.write_text(text)
    visible.write_text(simulators.PORTS_ONLY.format(top=top))
    arguments, is_verilator = simulators.build_arguments(simulator, _waves()), simulator == "verilator"
    with simulators.environment(simulator):
        if is_verilator:
            runtime.lend(folder, BUILDS, [*arguments, f"waves={_waves()}"])
        try:
            get_runner(simulator).build(
                sources=[visible, source] if is_verilator else [source],
                hdl_toplevel=top,
                build_dir=folder,
                build_args=arguments,
                always=True,
                timescale=("1ns", "1ps"),
                waves=_waves(),
                log_file=folder / "build.log",
            )
        except (SystemExit, RuntimeError) as error:
            raise AssertionError(f"{simulator} cannot build {top}:\n{_tail(folder / 'build.log')}") from error
        if is_verilator:
            runtime.keep(folder, BUILDS, [*arguments, f"waves={_waves()}"])
    (folder / "built").touch()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-40:]) if log.exists() else "it wrote no log"


def _signed(value: Any) -> bool:
    return bool(Value.cast(value).shape().signed)


def run_ports(
    component: wiring.Component, simulator: str, inputs: Sequence[NamedTuple], name: str
) -> list[dict[str, int]]:
    """Show one tuple a cycle; return what the outputs showed in each of these cycles, and in one more."""
    made = build(component, simulator)
    return shown(made, made.run(rows(made, inputs), name))


def rows(made: Build, inputs: Sequence[NamedTuple]) -> dict[str, Any]:
    """Return the stimulus that shows one tuple a cycle."""
    present = {port: spec for port, spec in made.ports.items() if spec[2]}
    names = [port for port, spec in present.items() if spec[0] == "In"]
    masks = [(1 << present[port][2]) - 1 for port in names]
    values = [[number(made.shapes[port], getattr(given, port)) for port in names] for given in inputs]
    values = [[value & mask for value, mask in zip(row, masks, strict=True)] for row in values]
    return {"inputs": names, "outputs": _outputs(made), "rows": values, "broken_off": BROKEN_OFF}


def shown(made: Build, seen: list[list[int]]) -> list[dict[str, int]]:
    """Return what the bench wrote down for `rows`, by port and with signs."""
    wires = {port: Wire(width, signed) for port, (_, signed, width) in made.ports.items()}
    return [
        {port: value_of(value, wires[port]) for port, value in zip(_outputs(made), row, strict=True)}
        for row in seen
    ]


def _outputs(made: Build) -> list[str]:
    return [port for port, (direction, _, width) in made.ports.items() if direction == "Out" and width]

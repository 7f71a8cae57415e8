"""Shows circuits every input that there is: their Verilog, compiled by Verilator, in one loop in C++."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.emit import verilog
from tandemsim.sim.arch.types import Integers
from tests.cosim import runtime, simulators

BUILDS = Path(__file__).resolve().parents[2] / "build" / "proofs"
WORD = 32  # bits of an answer: all outputs of a circuit, the first one lowest

MAIN = r"""
#include "Veverything.h"
#include <cstdint>
#include <cstdio>
#include <vector>

int main(int, char **argv) {
    const char *names[] = {%(names)s};
    const int widths[] = {%(widths)s};
    Veverything top;
    std::vector<std::vector<uint32_t>> answers;
    for (int width : widths) answers.emplace_back(size_t(1) << width);
    for (uint32_t input = 0; input < 1u << %(widest)d; ++input) {
        top.input = input;
        for (int cycle = 0; cycle < %(cycles)d; ++cycle) {
            top.clk = 0;
            top.eval();
            top.clk = 1;
            top.eval();
        }
        const uint32_t shown[] = {%(outputs)s};
        for (size_t i = 0; i < answers.size(); ++i)
            if (input < answers[i].size()) answers[i][input] = shown[i];
    }
    for (size_t i = 0; i < answers.size(); ++i) {
        FILE *file = fopen(names[i], "wb");
        const size_t size = answers[i].size();
        if (!file || fwrite(answers[i].data(), sizeof(uint32_t), size, file) != size)
            return 1;
        fclose(file);
    }
    return 0;
}
"""


class Everything(wiring.Component):
    """Circuits side by side on the same bus, from which each takes all its inputs, the first one lowest.

    Each output `<name>` is what a circuit shows for what was on the bus. `flips` names circuits of which one
    answer is to be wrong: that for the input given there has its lowest bit flipped.
    """

    def __init__(self, circuits: dict[str, wiring.Component], flips: dict[str, int]) -> None:
        self.circuits, self.flips = circuits, flips
        self.inputs = {name: Cat(_ports(circuit, wiring.In)) for name, circuit in circuits.items()}
        self.widest = max(map(len, self.inputs.values()))
        super().__init__({"input": In(self.widest)} | dict.fromkeys(circuits, Out(WORD)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, circuit in self.circuits.items():
            m.submodules[name] = circuit
            m.d.comb += self.inputs[name].eq(self.input)
            shown = Cat(_ports(circuit, wiring.Out))
            assert len(shown) <= WORD
            wrong = Signal(name=f"{name}_wrong")
            if name in self.flips:
                m.d.sync += wrong.eq(self.input == self.flips[name])
            m.d.comb += getattr(self, name).eq(shown ^ wrong)
        m.d.sync += Signal(name="keeps_the_clock").eq(1)  # also where no circuit has a register
        return m


def answers(
    circuits: dict[str, wiring.Component], flips: dict[str, int], cycles: int = 1
) -> dict[str, npt.NDArray[np.uint32]]:
    """Return for each circuit its answer to every input, uint32 [2**width of its inputs].

    An input stands for `cycles` cycles; the answer is what is shown after the last one.
    """
    top = Everything(circuits, flips)
    widths = {name: len(port) for name, port in top.inputs.items()}
    text = verilog(top)
    main = MAIN % {
        "names": ", ".join(f'"{name}.bin"' for name in circuits),
        "widths": ", ".join(map(str, widths.values())),
        "widest": top.widest,
        "cycles": cycles,
        "outputs": ", ".join(f"top.{name}" for name in circuits),
    }
    folder = BUILDS / hashlib.sha256((text + main).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two test processes may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "everything.v").write_text(text)
        (folder / "main.cpp").write_text(main)
        options = ["--cc", "--exe", "--build", "-Wno-fatal", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC"]
        options += ["--top-module", "everything", "-Mdir", "obj", "-o", "everything"]
        (folder / "obj").mkdir(exist_ok=True)
        with simulators.environment("verilator", optimized=True):
            runtime.lend(folder / "obj", BUILDS, options)
            _run(["verilator", *options, "everything.v", "main.cpp"], folder)
            runtime.keep(folder / "obj", BUILDS, options)
        _run(["obj/everything"], folder)
        found = {name: np.fromfile(folder / f"{name}.bin", np.uint32) for name in circuits}
        for name in circuits:
            (folder / f"{name}.bin").unlink()
    for name, width in widths.items():
        assert found[name].shape == (1 << width,)
    return found


def every_input(circuit: wiring.Component) -> dict[str, Integers]:
    """Return what each input of a circuit is in `answers`, int64 [2**width of its inputs]."""
    ports = dict(_named(circuit, wiring.In))
    return _split(np.arange(1 << sum(map(len, ports.values()))), ports)


def outputs(circuit: wiring.Component, found: npt.NDArray[np.uint32]) -> dict[str, Integers]:
    """Return each output in a circuit's answers, int64 [answers]."""
    return _split(found.astype(np.int64), dict(_named(circuit, wiring.Out)))


def _split(packed: Integers, ports: dict[str, Value]) -> dict[str, Integers]:
    """Return the ports of which a number is made, the first one lowest, with their signs."""
    found = {}
    for name, port in ports.items():
        half = 1 << (len(port) - 1)
        own = packed & ((1 << len(port)) - 1)
        found[name] = (own ^ half) - half if port.shape().signed else own
        packed = packed >> len(port)
    return found


def _named(circuit: wiring.Component, flow: wiring.Flow) -> list[tuple[str, Value]]:
    flat = circuit.signature.flatten(circuit)
    return [(str(path[0]), Value.cast(value)) for path, member, value in flat if member.flow is flow]


def _ports(circuit: wiring.Component, flow: wiring.Flow) -> list[Value]:
    return [value for _, value in _named(circuit, flow)]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

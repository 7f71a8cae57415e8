"""The one cocotb test: drives a circuit by the names of its ports, and writes down what it shows.

It knows no model. What to drive comes from the JSON file named by ``TANDEM_STIMULUS``; what was seen goes to
the one named by ``TANDEM_RESULT``. Inputs change while the clock is low and are read in the same half cycle,
after everything has settled: what a register makes of them shows in the next cycle, in every simulator alike.
"""

import json
import os
import random
import time
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, Timer

PILE_UP = 50  # cycles; a tile of the small arrays takes about as many


@cocotb.test()
async def drive(dut):
    stimulus = json.loads(Path(os.environ["TANDEM_STIMULUS"]).read_text())
    clocked = hasattr(dut, "clk")
    await _settle(dut, stimulus, clocked)
    if clocked:
        Clock(dut.clk, 10, unit="ns").start()
        await _reset(dut)
    step = FallingEdge(dut.clk) if clocked else Timer(10, unit="ns")
    work = _streams if "streams" in stimulus else _ports
    if clocked and stimulus.get("broken_off"):
        await work(dut, stimulus, step, stimulus["broken_off"])
        await _pile_up(dut, stimulus, step)
        await _reset(dut)  # in the midst of work: nothing of that may be seen in what follows
    result = await work(dut, stimulus, step)
    Path(os.environ["TANDEM_RESULT"]).write_text(json.dumps(result))


async def _settle(dut, stimulus, clocked):
    """Give every input a value before the first edge, so that no register can begin with X."""
    known = dict.fromkeys(stimulus.get("inputs", ()), 0) | stimulus.get("constants", {})
    for name, given in stimulus.get("streams", {}).items():
        known |= {f"{name}__payload": 0, f"{name}__valid": 0} if "words" in given else {f"{name}__ready": 0}
    if clocked:
        known["rst"] = 1
    for name, value in known.items():
        if hasattr(dut, name):
            getattr(dut, name).value = value
    await Timer(10, unit="ns")


async def _reset(dut):
    """Hold reset for two rising edges; return in the low half of the first cycle without it."""
    dut.rst.value = 1
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def _pile_up(dut, stimulus, step):
    """Take no words for a while, so that some wait inside."""
    for name, given in stimulus.get("streams", {}).items():
        if "words" not in given and hasattr(dut, f"{name}__ready"):
            getattr(dut, f"{name}__ready").value = 0
    for _ in range(PILE_UP):
        await step


async def _ports(dut, stimulus, step, cycles=None):
    """Show one row of inputs a cycle, or only some; return one row of outputs a cycle, and one more."""
    inputs = [getattr(dut, name) for name in stimulus["inputs"]]
    outputs = [getattr(dut, name) for name in stimulus["outputs"]]
    shown = []
    for row in [*stimulus["rows"], stimulus["rows"][-1]][:cycles]:
        for handle, value in zip(inputs, row, strict=True):
            handle.value = value
        await ReadOnly()
        shown.append([int(handle.value) for handle in outputs])
        await step
    return shown


class Source:
    """Offers words one after the other, after the pause of each; in a pause the payload is anything."""

    def __init__(self, dut, name, words, gaps):
        self.payload, self.valid = getattr(dut, f"{name}__payload"), getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")
        self.words, self.gaps, self.sent = [int(word, 16) for word in words], gaps, []
        self.next = gaps[0] if gaps else 0
        self.rng, self.width = random.Random(name), len(self.payload)
        self.valid.value = 0

    def show(self, cycle):
        offers = len(self.sent) < len(self.words) and cycle >= self.next
        self.valid.value = int(offers)
        self.payload.value = self.words[len(self.sent)] if offers else self.rng.getrandbits(self.width)

    def look(self, cycle):
        if int(self.valid.value) and int(self.ready.value):
            self.sent.append(cycle)
            self.next = cycle + 1 + _gap(self.gaps, len(self.sent))

    def done(self):
        return len(self.sent) == len(self.words)

    def result(self):
        return [[cycle, hex(word)] for cycle, word in zip(self.sent, self.words, strict=False)]


class Sink:
    """Takes words, after the pause of each; ends when it has as many as were expected."""

    def __init__(self, dut, name, count, gaps):
        self.payload, self.valid = getattr(dut, f"{name}__payload"), getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")
        self.count, self.gaps, self.taken = count, gaps, []
        self.next = gaps[0] if gaps else 0

    def show(self, cycle):
        self.ready.value = int(cycle >= self.next)

    def look(self, cycle):
        if int(self.valid.value) and int(self.ready.value):
            self.taken.append([cycle, hex(int(self.payload.value))])
            self.next = cycle + 1 + _gap(self.gaps, len(self.taken))

    def done(self):
        return len(self.taken) >= self.count

    def result(self):
        return self.taken


def _gap(gaps, index):
    return gaps[index] if index < len(gaps) else 0


async def _streams(dut, stimulus, step, cycles=None):
    """Run sources and sinks until all are done, and on for some quiet cycles; or to a limit."""
    ends = {}
    for name, given in stimulus["streams"].items():
        if "words" in given:
            ends[name] = Source(dut, name, given["words"], given["gaps"])
        elif hasattr(dut, f"{name}__payload"):
            ends[name] = Sink(dut, name, given["count"], given["gaps"])
    left, start = stimulus["quiet"], time.perf_counter()
    for cycle in range(cycles or stimulus["limit"]):
        for end in ends.values():
            end.show(cycle)
        await ReadOnly()
        for end in ends.values():
            end.look(cycle)
        left = left - 1 if all(end.done() for end in ends.values()) else stimulus["quiet"]
        if not left:
            break
        await step
    rates = {"driven by cocotb": (cycle + 1) / (time.perf_counter() - start)}
    if stimulus["clock_alone"]:
        start = time.perf_counter()
        await ClockCycles(dut.clk, stimulus["clock_alone"])
        rates["clock alone"] = stimulus["clock_alone"] / (time.perf_counter() - start)
    return {name: end.result() for name, end in ends.items()} | {"rates": rates}

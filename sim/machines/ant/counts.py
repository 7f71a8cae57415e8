"""What a run of ANT moved and computed: DRAM bursts, scratchpad bytes, and the work that costs energy."""

from __future__ import annotations

import math

from tandemsim.sim.ant.block_sums import accumulator_bytes
from tandemsim.sim.ant.layers import Attention, Beside, Conversion, Passes, Product
from tandemsim.sim.ant.loop import Queue
from tandemsim.sim.ant.simulation import AntRun
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.energy import AntWork
from tandemsim.sim.arch.ant.gates import tap_nand2
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.dram.energy import DramTraffic as DramEvents
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.memory.dma_state import Dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tandemsim.sim.report.contract import DramTraffic, ScratchpadTraffic


class DramCounts:
    """Bursts and commands of a DRAM."""

    def __init__(self, dma: Dma) -> None:
        state, self._channels = dma.state[0], dma.dram.channel
        self._burst = int(dma.dram.timing[0].burst_bytes)
        self._read, self._written = (int(state.bursts[kind]) * self._burst for kind in (READ, WRITE))
        self._useful = int(state.useful_bytes[READ])

    def _sum(self, name: str) -> int:
        return int(self._channels[name].sum())

    def traffic(self) -> DramTraffic:
        """Return what a report tells."""
        return DramTraffic(
            read_bytes=self._read,
            write_bytes=self._written,
            useful_read_bytes=self._useful,
            row_hits=self._sum("row_hits"),
            row_misses=self._sum("row_misses"),
            row_conflicts=self._sum("row_conflicts"),
            extra={name: self._sum(name) for name in ("activates", "refreshes")},
        )

    def events(self, channels: int) -> DramEvents:
        """Return what costs energy: what the write queue absorbs does not cross the pins."""
        forwarded, merged = (self._sum(name) * self._burst for name in ("forwarded", "merged"))
        return DramEvents(self._read - forwarded, self._written - merged, self._sum("activates"), channels)


def scratchpads(run: AntRun, config: AntConfig) -> dict[str, SramTraffic]:
    """Return what passed through each scratchpad: loads and results write it, engines read it."""
    program = run.program
    moved = program.transfers.rows * program.transfers.row_bytes
    weight, activation, operand, output, result = (
        int(moved[program.queues[queue] : program.queues[queue + 1]].sum())
        for queue in (Queue.WEIGHT, Queue.ACTIVATION, Queue.OPERAND, Queue.OUTPUT, Queue.RESULT)
    )
    streamed = {name: [0, 0] for name in ("activation", "weight", "accumulator", "residual")}
    for plan in program.layers:
        for name, (read, written) in plan.scratchpad.items():
            streamed[name][0] += read
            streamed[name][1] += written
    bytes_of = {
        "activation": (
            streamed["activation"][0],
            activation - streamed["residual"][1] + streamed["activation"][1],
        ),
        "weight": (streamed["weight"][0], weight),
        "accumulator": tuple(streamed["accumulator"]),
        "residual": tuple(streamed["residual"]),
        "output": (output, output),
        "vector": (operand + result, operand + result),
    }
    return {
        name: SramTraffic(getattr(config, f"{name}_scratchpad").capacity_bytes, *counts)
        for name, counts in bytes_of.items()
    }


def reported(pads: dict[str, SramTraffic]) -> dict[str, ScratchpadTraffic]:
    """Return scratchpads as a report tells them."""
    return {
        name: ScratchpadTraffic(
            read_bytes=pad.read_bytes,
            write_bytes=pad.write_bytes,
            extra={"capacity_bytes": pad.capacity_bytes},
        )
        for name, pad in pads.items()
    }


def work_of(run: AntRun, config: AntConfig) -> AntWork:
    """Return what array and vector unit did."""
    multiplies = sums = elements = encoded = tapped = 0
    for plan in run.program.layers:
        layer = plan.layer
        if isinstance(layer, Beside):
            continue
        if isinstance(layer, Conversion):
            elements += layer.items * layer.heads * layer.tokens * layer.v_dim
        elif isinstance(layer, Passes):
            elements += layer.rows * layer.elements * layer.passes
        else:
            multiplies += plan.macs * math.prod(layer.bits.operands) + plan.outlier_cycles * config.array.pes
            words = plan.scratchpad.get("accumulator", [0, 0])[1]
            sums += words // accumulator_bytes(config.array, layer.bits)
            results, summed = _results(layer)
            encoded += results
            name = layer.bits.blocks[0]
            if name:
                blocks = -(-summed // BLOCK_FORMATS[name].length)
                tapped += results * blocks * tap_nand2(name)
    busy = int(run.program.tasks.cycles[: run.program.first[1]].sum())
    return AntWork(run.cycles, multiplies, sums, elements, busy, encoded, tapped)


def _results(layer: Product | Attention) -> tuple[int, int]:
    """Return the results of a layer, and how many products each of them sums."""
    if isinstance(layer, Product):
        return layer.m * layer.n * layer.count, layer.k
    return layer.heads * layer.queries * layer.v_dim, layer.kv_len

"""ANT's published cost model: cycles, stalls, traffic and energy of a network on an accelerator.

Obeys: ant_simulator of github.com/clevercool/ANT-Quantization at commit bc84067, the artifact of ANT (MICRO
2022, arXiv 2208.14286). Re-implemented from a description of its rules; no code is taken. It is a roofline:
the larger of the array's work and the DRAM traffic of the best tiling. Types never enter it, bit widths do.

`true` corrects what the layers alone allow: kernels that are not square, and the layer that some of the lists
leave out. Nothing of our own machines is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.papers.ant.hardware import (
    ACCELERATORS,
    BATCH,
    CLOCK_HZ,
    DRAM_BITS,
    INPUTS,
    OUTPUT_BITS,
    OUTPUTS,
    REPORTED_DRAM,
    SEARCHED_DRAM,
    WEIGHTS,
    Accelerator,
    accelerator,
)
from tandemsim.sim.papers.ant.networks import NETWORKS, Layer, layers
from tandemsim.sim.papers.ant.search import ORDERS, Array, Costs, Counters, Problem, search


class Energy(NamedTuple):
    """Energy as the artifact reports it, nJ."""

    static: float  # background of the DRAM, and nothing else
    dram: float
    buffer: float  # accesses of the scratchpads; their leakage is left out
    core: float

    @property
    def total(self) -> float:
        return sum(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One network on one accelerator: counters of each layer, and their sums."""

    accelerator: Accelerator
    network: str
    layers: tuple[Counters, ...]  # of the batch

    @property
    def total(self) -> Counters:
        return Counters(*map(sum, zip(*self.layers, strict=True)))

    @property
    def energy(self) -> Energy:
        return energy_of(self.accelerator, self.total)

    @property
    def seconds(self) -> float:
        return self.total.cycles / CLOCK_HZ


def simulate(name: str, network: str, true: bool = False) -> Result:
    """Return the cost of `network` on the accelerator `name`. Raises `ConfigError` for an unknown one."""
    array = accelerator(name)
    return Result(
        accelerator=array,
        network=network,
        layers=tuple(simulate_layers(array, layers(network, array.lists, whole=true), true)),
    )


def simulate_all(true: bool = False) -> dict[tuple[str, str], Result]:
    """Return every network on every accelerator, by (accelerator, network)."""
    return {(name, network): simulate(name, network, true) for name in ACCELERATORS for network in NETWORKS}


def simulate_layers(array: Accelerator, which: Sequence[Layer], true: bool = False) -> list[Counters]:
    """Return the counters of each layer at the batch of the evaluation; equal layers are searched once.

    Raises `ConfigError` for a layer whose smallest tile is more than half a scratchpad.
    """
    problems = [problem_of(layer, true) for layer in which]
    unique = list(dict.fromkeys(problems))
    found = np.empty((len(unique), len(Counters._fields)), dtype=np.int64)
    search(np.array(unique, dtype=np.int64), array_of(array), costs_of(array), ORDERS, found)
    for problem, row in zip(unique, found, strict=True):
        require(
            row[0] >= 0, f"a layer on {array.title} must have a tile that fits half its scratchpads", problem
        )
    answers = {problem: Counters(*row) for problem, row in zip(unique, found.tolist(), strict=True)}
    return [answers[problem] for problem in problems]


def problem_of(layer: Layer, true: bool = False) -> Problem:
    """Return what the search knows of a layer."""
    return Problem(layer.taps(true), layer.out, layer.ic, layer.oc, layer.tokens * BATCH, layer.bits)


def array_of(array: Accelerator) -> Array:
    """Return what the search knows of an accelerator."""
    return Array(
        rows=array.rows,
        cols=array.cols,
        high=array.high,
        low=array.low,
        output_bits=OUTPUT_BITS,
        dram_bits=DRAM_BITS,
        half_weights=WEIGHTS.half_bits,
        half_inputs=INPUTS.half_bits,
        half_outputs=OUTPUTS.half_bits,
        weight_stationary=array.dataflow == "ws",
    )


def costs_of(array: Accelerator) -> Costs:
    """Return what the search minimizes among equal cycles: other DRAM figures, and leakage of scratchpads."""
    leak = array.leak_nj + WEIGHTS.leak_nj + INPUTS.leak_nj + OUTPUTS.leak_nj
    return Costs(
        cycle=leak + SEARCHED_DRAM.static_nj,
        work=array.dynamic_nj,
        weight_read=WEIGHTS.read_nj,
        weight_write=WEIGHTS.write_nj,
        input_read=INPUTS.read_nj,
        input_write=INPUTS.write_nj,
        output_read=OUTPUTS.read_nj,
        output_write=OUTPUTS.write_nj,
        dram_read=SEARCHED_DRAM.read_nj,
        dram_write=SEARCHED_DRAM.write_nj,
    )


def energy_of(array: Accelerator, counters: Counters) -> Energy:
    """Return the reported energy of what was counted."""
    return Energy(
        static=counters.cycles * REPORTED_DRAM.static_nj,
        dram=counters.dram_reads * REPORTED_DRAM.read_nj + counters.dram_writes * REPORTED_DRAM.write_nj,
        buffer=counters.weight_reads * WEIGHTS.read_nj
        + counters.weight_writes * WEIGHTS.write_nj
        + counters.input_reads * INPUTS.read_nj
        + counters.input_writes * INPUTS.write_nj
        + counters.output_reads * OUTPUTS.read_nj
        + counters.output_writes * OUTPUTS.write_nj,
        core=counters.cycles * array.leak_nj + (counters.cycles - counters.stalls) * array.dynamic_nj,
    )

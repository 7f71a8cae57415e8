"""SALO: the configuration of the machine, and the cycle contract of its array.

Obeys: SALO, DAC 2022 (arXiv 2206.14550) and the Chisel of its artifact; where that design cannot work the
difference is stated beside the field. Models: `sim.salo`; circuits: `rtl.salo`.

The array keeps the query in place (output stationary) for ``query x key``, then the probability
(weight stationary) for ``prob x value``. One **pass** of the array:

    deferred   head_dim (QK) + exp + row sum + head_dim (PV)
    per_pass   head_dim (QK) + exp + row sum + wait + normalize + head_dim (PV)

Column ``j`` runs ``j`` cycles behind column 0, so a pass is followed by ``drain`` cycles until its last
partial sum has left the last column; passes follow one another after ``flush_cycles``, without draining.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import ConfigError, Rules, require, require_integers
from tandemsim.sim.arch.dram.config import PS_PER_SECOND, DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.energy import EnergyConfig
from tandemsim.sim.arch.salo.circuit import SaloCircuit
from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation, SaloNumerics, score_shift
from tandemsim.sim.arch.sram import BufferConfig, ScratchpadConfig

MAX_SIDE = 4096  # PEs along a side, elements of a head; assumed: 16 times the largest array built
MAX_LATENCY = 1024  # stages of a pipeline; assumed: no unit has as many
MIN_CLOCK_HZ = 1_000_000  # assumed; of a slower clock one cycle is many refreshes of the DRAM
STAGING_LATENCY = 2  # cycles from an output's writing to its offer: the staging memory, then its register
QUERY_GRANULES = 2  # query blocks that the query scratchpad must hold: one at work, one on its way


class GlobalProjections(enum.StrEnum):
    """How the global rows are fed if the model projects its global tokens separately (Longformer does)."""

    # They read the local keys and values, which is another function than the model's: for timing only.
    SHARED = "shared"
    SEPARATE = "separate"  # extra passes in which only the global rows work
    PRIVATE = "private"  # ports of their own


class PassOverlap(enum.StrEnum):
    """Whether a pass may enter the array while the one before still drains."""

    PIPELINED = "pipelined"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloArray:
    """The grid of PEs: one local PE per (row, col), `global_cols` more in each row, `global_rows` below."""

    rows: int = 32  # artifact, num_rows
    cols: int = 32  # artifact, num_cols
    head_dim: int = 64  # artifact, dim: the longest head the array holds
    global_rows: int = 1  # artifact, num_hglbs
    global_cols: int = 1  # artifact, num_vglbs
    # 1 as published; 2 also injects keys at the middle column, for two narrow bands per pass.
    column_segments: int = 1
    # Per pass as published; deferred divides once, after the last pass.
    normalisation: Normalisation = Normalisation.PER_PASS
    global_projections: GlobalProjections = GlobalProjections.SHARED  # as published
    overlap: PassOverlap = PassOverlap.PIPELINED  # the published formula overlaps drain and the next pass
    exp_latency: int = 1  # artifact, stage 1
    reciprocal_latency: int = 1  # artifact: combinational, used in the cycle after the row sum
    normalise_latency: int = 1  # artifact, stage 3
    flush_cycles: int = 1  # artifact's cost model; clears the accumulators between passes
    # Of the weighted-sum unit: cycles from a partial sum at the last column to the merge buffer
    merge_latency: int = 1
    # Rows may begin with a learned sink, one more logit in the denominator; as published they cannot.
    sinks: bool = False
    # A value may have another number of elements than a key; as published they have one.
    value_dims: bool = False

    def __post_init__(self) -> None:
        latencies = "exp_latency", "reciprocal_latency", "normalise_latency", "merge_latency"
        segments = self.column_segments
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "rows", "cols", "head_dim", "column_segments", maximum=MAX_SIDE)
            with rules.apart():
                require_integers(self, 1, *latencies, maximum=MAX_LATENCY)
            with rules.apart():
                require_integers(self, 0, "global_rows", "global_cols", maximum=MAX_SIDE)
            with rules.apart():
                require_integers(self, 0, "flush_cycles", maximum=MAX_LATENCY)
            rules.require(segments in (1, 2), "SaloArray.column_segments must be 1 or 2", segments)
            if segments in (1, 2) and isinstance(self.cols, int):
                rule = f"SaloArray.cols must be a multiple of column_segments ({segments})"
                rules.require(self.cols % segments == 0, rule, self.cols)

    @property
    def segment_cols(self) -> int:
        """Columns of one segment."""
        return self.cols // self.column_segments

    @property
    def segment_slots(self) -> int:
        """Keys that stream through one segment in a pass: one for each of its diagonals."""
        return self.rows + self.segment_cols - 1

    @property
    def chained_slots(self) -> int:
        """Keys that stream through the array in a pass whose segments are chained into one band."""
        return self.rows + self.cols - 1

    @property
    def pes(self) -> int:
        """Every PE, those of the global rows and columns too: each has one multiplier."""
        return self.rows * self.cols + self.rows * self.global_cols + self.cols * self.global_rows

    @property
    def score_shift(self) -> int:
        """Right shift that stands for ``1/sqrt(head_dim)``; what is left of the factor is folded into the
        query.
        """
        return score_shift(self.head_dim)

    @property
    def drain(self) -> int:
        """Cycles from the last partial sum of column 0 to that of the last column of the slowest row.

        A global row starts one cycle after the row above it and has no global column.
        """
        return self.cols - 1 + max(self.global_cols, self.global_rows)

    @property
    def output_lag(self) -> int:
        """Cycles from a WEIGHTED_SUM in column 0 to the output that it ends, at the array's port."""
        return self.cols + self.global_cols + self.merge_latency + self.reciprocal_latency

    @property
    def global_output_lag(self) -> int:
        """The same for the global rows: all leave with the last of them."""
        return self.cols + self.global_rows + self.merge_latency + self.reciprocal_latency

    @property
    def last_output(self) -> int:
        """Cycles from the end of a pass in column 0 until its last output has been offered for writing."""
        lag = max(self.output_lag, self.global_output_lag if self.global_rows else 0)
        return lag + STAGING_LATENCY

    @property
    def timing(self) -> SaloTiming:
        """The cycles of a pass that do not depend on the head, as a kernel takes them."""
        # the row sum takes one cycle per column: its latency is the lag of the columns
        between = self.exp_latency + 1
        if self.normalisation is Normalisation.PER_PASS:
            # The sum of a row is known when it has left the last column; column 0 waits for it.
            wait = self.cols + self.global_cols - 1 + self.reciprocal_latency - 1
            between += wait + self.normalise_latency
        gap = self.flush_cycles + (self.drain if self.overlap is PassOverlap.DRAIN else 0)
        return SaloTiming(between, self.drain, gap, self.merge_latency, self.last_output)

    def pass_cycles(self, head_dim: int, v_dim: int = 0) -> int:
        """Cycles that column 0 works on one pass of a head of `head_dim`; 0 values' elements: as many."""
        return head_dim + (v_dim or head_dim) + self.timing.between

    def total_cycles(self, passes: int, head_dim: int, v_dim: int = 0) -> int:
        """Cycles of `passes` passes that never wait for data: the last partial sum leaves in the last of
        them. `v_dim` as in `pass_cycles`.
        """
        if passes == 0:
            return 0
        timing = self.timing
        return passes * self.pass_cycles(head_dim, v_dim) + (passes - 1) * timing.gap + timing.drain

    def check_sinks(self) -> None:
        """Raise `ConfigError` where rows cannot begin with a sink."""
        if not self.sinks:
            raise ConfigError("learned sinks need array.sinks=true, not false; --set array.sinks=true")


class SaloTiming(NamedTuple):
    """Cycles of a pass: all ints, so that kernels compile once for every config."""

    between: int  # from the last QK multiply-accumulate to the first PV one, in one column
    drain: int  # see SaloArray.drain
    gap: int  # from the end of a pass in column 0 to the start of the next
    merge: int  # weighted-sum unit latency
    output: int  # see SaloArray.last_output


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloScheduling:
    """What the scheduler may do; with both off, every chunk of every query block takes a pass."""

    skip_masked: bool = True  # leave out passes in which no PE would work
    # Send the few keys that would need one more pass through the idle global column
    leftover_keys: bool = True

    @property
    def name(self) -> str:
        """How the schedule is called in tables."""
        return f"{'skip' if self.skip_masked else 'all'}{'+leftover' if self.leftover_keys else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloConfig:
    """The SALO machine: array, number formats, scratchpads, DRAM, clock."""

    array: SaloArray = field(default_factory=SaloArray)
    numerics: SaloNumerics = PUBLISHED
    scheduling: SaloScheduling = field(default_factory=SaloScheduling)
    query_scratchpad: BufferConfig  # a row of it for each row of the array
    key_scratchpad: ScratchpadConfig
    value_scratchpad: ScratchpadConfig
    global_scratchpad: BufferConfig
    output_scratchpad: BufferConfig  # staging buffers of whole tiles
    dram: DramConfig = DRAMS["ddr4-2400"]
    energy: EnergyConfig = field(default_factory=EnergyConfig)
    clock_hz: int = 1_000_000_000  # artifact's performance script; its synthesis is stated at 500 MHz

    def __post_init__(self) -> None:
        require_integers(self, MIN_CLOCK_HZ, "clock_hz", maximum=PS_PER_SECOND)
        require(
            PS_PER_SECOND % self.clock_hz == 0,
            "SaloConfig.clock_hz must divide 10^12 (a whole number of picoseconds a cycle)",
            self.clock_hz,
        )
        self.numerics.check_head(
            self.array.head_dim, self.array.cols + self.array.global_cols, self.array.normalisation
        )

    @property
    def cycle_ps(self) -> int:
        """Length of a machine cycle in picoseconds."""
        return PS_PER_SECOND // self.clock_hz

    @property
    def element_bytes(self) -> int:
        """Bytes of a query, key or value element in DRAM and in the scratchpads."""
        return self.numerics.element_bytes

    @property
    def output_bytes(self) -> int:
        """Bytes of an output element."""
        return self.numerics.output_bytes

    @property
    def staging_tiles(self) -> int:
        """Tiles whose outputs the output scratchpad holds, of heads as long as the array takes."""
        return self.output_scratchpad.capacity_bytes // (
            self.array.rows * self.array.head_dim * self.output_bytes
        )

    @property
    def circuit(self) -> SaloCircuit:
        """All that the circuit depends on."""
        array, numerics = self.array, self.numerics
        found: dict[str, Any] = {
            "drains": array.overlap is PassOverlap.DRAIN,
            "private_ports": array.global_projections is GlobalProjections.PRIVATE,
            "sums": numerics.sums(array.normalisation),
            "staging_tiles": self.staging_tiles,
        }
        for name in (each.name for each in fields(SaloCircuit) if each.name not in found):
            found[name] = getattr(array if hasattr(array, name) else numerics, name)
        return SaloCircuit(**found)

    def check_circuit(self) -> None:
        """Raise `ConfigError` for what can be counted but not built."""
        require(
            self.array.flush_cycles >= 1,
            "SaloArray.flush_cycles must be at least 1 for a circuit: it clears the scores",
            self.array.flush_cycles,
        )
        needed = self.array.rows * self.array.head_dim * self.output_bytes
        require(
            self.staging_tiles >= 1,
            f"SaloConfig.output_scratchpad.capacity_bytes must be at least {needed} for a circuit: one tile",
            self.output_scratchpad.capacity_bytes,
        )

    def check_head(self, head_dim: int, v_dim: int = 0) -> None:
        """Raise `ConfigError` when a head does not fit the array; `v_dim` 0: values are as long as keys."""
        longest = max(head_dim, v_dim)
        if longest > self.array.head_dim:
            rule = f"heads must have at most array.head_dim elements ({self.array.head_dim})"
            raise ConfigError(f"{rule}, not {longest}; --set array.head_dim={longest}")
        if v_dim not in (0, head_dim) and not self.array.value_dims:
            rule = f"values must have the {head_dim} elements of a key"
            raise ConfigError(f"{rule}, not {v_dim}; --set array.value_dims=true")

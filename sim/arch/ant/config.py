"""ANT: the configuration of the machine.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286) for types, decoders at the edges and joined nibbles; `drain` is the
schedule of SCALE-Sim, `pipelined` ours. Models: `sim.ant`.

A PE multiplies two operands of 4 bits. An operand of 8 bits is two nibbles in neighboring rows (activations)
or columns (weights), so an array of 64 x 64 PEs is one of 32 x 32 for 8 bits. Weight stationary, a tile holds
R x C weights and streams its M activations past them; output stationary, it holds R x C sums and streams K
operand pairs. `pipelined`: tiles follow one another without a gap; `drain`: each waits until the one before
has left: the laws are `sim.arch.ant.laws`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from tandemsim.sim.arch.ant.circuit import AntCircuit
from tandemsim.sim.arch.ant.widths import (
    NIBBLE,
    Range,
    nibbles,
    operand,
    pe_class,
    product,
    values_of,
    widest_sum,
    with_sign,
)
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, BlockFormat
from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, require, require_integers
from tandemsim.sim.arch.codes import CodeFormat, code_format
from tandemsim.sim.arch.dram.config import PS_PER_SECOND, DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.energy import EnergyConfig
from tandemsim.sim.arch.sram import BufferConfig

MAX_SIDE = 1024  # PEs along a side; assumed: four times the largest systolic array in use
MAX_WIDTH = 48  # of an accumulator; nibbles joined twice and one step more stay exact in int64
MAX_WORDS = (1 << 16) - 1  # words of a tile; assumed: what has more is two tiles, at no cost
MAX_LATENCY = 1024  # cycles
MIN_CLOCK_HZ = 1_000_000  # assumed; of a slower clock one cycle is many refreshes of the DRAM
BYTE = 8  # bits
STAGING_LATENCY = 2  # cycles from an output word's writing to its offer: a memory, then its register


class Dataflow(enum.StrEnum):
    """What stays in the PEs."""

    WEIGHT_STATIONARY = "ws"
    OUTPUT_STATIONARY = "os"
    INPUT_STATIONARY = "is"  # weight stationary, of the transposed product


class Schedule(enum.StrEnum):
    """Whether a tile may enter while the one before is still in the array."""

    PIPELINED = "pipelined"
    DRAIN = "drain"  # full tiles, one after the other: SCALE-Sim


class Overflow(enum.StrEnum):
    """What happens where a sum might exceed the accumulators at the foot."""

    REFUSE = "refuse"  # the op does not run
    SATURATE = "saturate"  # each step that exceeds them takes the bound, and is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class AntArray:
    """The grid of PEs, its decoders and the accumulators at its foot."""

    rows: int = 64  # PEs of `pe_bits`; artifact: 32 x 32 units of four 4-bit PEs
    cols: int = 64
    pe_bits: int = 4  # more: PEs of a plain systolic array, without decoders, which join nothing
    dataflow: Dataflow = Dataflow.WEIGHT_STATIONARY
    schedule: Schedule = Schedule.PIPELINED
    formats: tuple[str, ...] = ("int4", "int4u", "pot4", "flint4", "flint4u", "int8", "int8u")
    accumulator_width: int = 20  # in a PE; assumed: what 64 products of the formats above need
    foot_width: int = 32  # of the accumulators, where all parts of a sum meet; assumed
    overflow: Overflow = Overflow.REFUSE
    taps: str = ""  # the block format whose blocks of a column end in taps; none: "", and columns have none

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "rows", "cols", maximum=MAX_SIDE)
            with rules.apart():
                require_integers(self, 1, "accumulator_width", "foot_width", maximum=MAX_WIDTH)
            rule = f"AntArray.pe_bits must be {NIBBLE} to {BYTE}"
            rules.require(NIBBLE <= self.pe_bits <= BYTE, rule, self.pe_bits)
            rules.require(bool(self.formats), "AntArray.formats must name a format", "none")
        if self.pe_bits == NIBBLE:
            for name in ("rows", "cols"):
                value = getattr(self, name)
                require(value % 2 == 0, f"AntArray.{name} must be even where pe_bits is 4", value)
            pe_class(self.code_formats)
        if self.taps:
            self._check_taps()

    def _check_taps(self) -> None:
        if self.taps not in BLOCK_FORMATS:
            raise ConfigError(nearest("block format", self.taps, BLOCK_FORMATS))
        form = BLOCK_FORMATS[self.taps]
        rule = f"AntArray.dataflow must be ws or is for taps of {self.taps}: other sums do not pass one"
        require(self.stationary, rule, self.dataflow)
        known = ", ".join(self.formats)
        rule = f"AntArray.formats must name {form.element.name}, of which blocks of {self.taps} are"
        require(form.element.name in self.formats, rule, known)
        rule = f"AntArray.taps must be of elements of one operand of a PE, which {form.element.name} is not"
        require(self.operands_of(form.element) == 1, rule, self.taps)
        rule = f"AntArray.rows must be a multiple of the {form.length} elements of a block of {self.taps}"
        require(self.rows % form.length == 0, rule, self.rows)

    @property
    def blocks(self) -> BlockFormat | None:
        """The block format that the array has taps for."""
        return BLOCK_FORMATS[self.taps] if self.taps else None

    @property
    def segments(self) -> int:
        """Parts of a column that end in a tap; without taps 0."""
        return self.rows // BLOCK_FORMATS[self.taps].length if self.taps else 0

    @property
    def code_formats(self) -> tuple[CodeFormat, ...]:
        """The formats that the decoders know."""
        return tuple(code_format(name) for name in self.formats)

    @property
    def pes(self) -> int:
        """Multipliers of `pe_bits`."""
        return self.rows * self.cols

    @property
    def sum_bytes(self) -> int:
        """Bytes of a sum in the accumulators."""
        return -(-self.foot_width // BYTE)

    @property
    def output_lag(self) -> int:
        """Cycles from a word's entry to its sums at the foot: skew on both sides, and the accumulator.

        Where columns have several taps, one more, in which the sums of the last one meet those above it.
        """
        return self.rows + self.cols + 1 + (self.segments > 1)

    @property
    def stationary(self) -> bool:
        """Whether the PEs keep weights and not sums; input stationary, their weights are the inputs."""
        return self.dataflow is not Dataflow.OUTPUT_STATIONARY

    def operands_of(self, form: CodeFormat) -> int:
        """Return how many codes on the array's wires a code of `form` is: 1, or 2 nibbles of an integer."""
        return nibbles(form) if self.pe_bits == NIBBLE else 1

    @property
    def widest(self) -> int:
        """Bits of the widest integer that the array multiplies: of two nibbles, or of its PEs."""
        return 2 * NIBBLE if self.pe_bits == NIBBLE else self.pe_bits

    def operands(self, bits: int) -> int:
        """Return how many operands of a PE an integer of `bits` is: 1, or 2 nibbles.

        Raises `ConfigError` for one that is wider than what the PEs multiply, or join.
        """
        rule = f"an integer on PEs of {self.pe_bits} bits must have at most {self.widest} bits"
        require(bits <= self.widest, rule, bits)
        return 2 if self.pe_bits == NIBBLE and bits > NIBBLE else 1

    def tile_rows(self, operands: int) -> int:
        """Rows of a tile in elements of the side that enters from the left, of so many operands each."""
        return self.rows // operands

    def tile_cols(self, operands: int) -> int:
        """Columns of a tile in elements of the side that enters from above, of so many operands each."""
        return self.cols // operands

    def max_fold(self, activation: CodeFormat, weight: CodeFormat) -> int:
        """Return how many elements of K a PE's sum, or that of a column, holds at `accumulator_width`.

        Weight stationary, both nibbles of an activation add up in a column; output stationary, each has a
        row of its own. Raises `ConfigError` where not even one product fits.
        """
        terms = self._products(activation, weight).terms(self.accumulator_width)
        rule = f"AntArray.accumulator_width must hold one product of {activation.name} and {weight.name}"
        require(terms >= 1, rule, self.accumulator_width)
        return terms

    def _products(self, activation: CodeFormat, weight: CodeFormat) -> Range:
        """Return the range of what an element of K adds to a PE's sum, or to that of a column."""
        wide = self.pe_bits != NIBBLE
        left = values_of(activation) if self.stationary or wide else operand(activation)
        return product(left, values_of(weight) if wide else operand(weight))

    def widest_sum(self, activations: Iterable[CodeFormat], weights: Iterable[CodeFormat]) -> tuple[int, str]:
        """Return the `accumulator_width` that every pair of formats needs at least, and for what sum.

        Of a column; where sums stay in the PEs, and K is cut as these need it, of one product. Input
        stationary, `activations` are what comes from the left, the weights.
        """
        rows = self.rows if self.stationary else 1
        terms = {form: -(-rows // self.operands_of(form)) for form in activations}
        return widest_sum(terms, weights, self._products)

    def check_accumulators(self) -> None:
        """Raise `ConfigError` where a PE's sum does not hold a column of products, or, if it stays, one."""
        forms = self.code_formats
        needed, sums = self.widest_sum(forms, with_sign(forms))
        rule = f"AntArray.accumulator_width must be at least {needed} for a circuit: {sums}"
        require(self.accumulator_width >= needed, rule, self.accumulator_width)


class GemmTiming(NamedTuple):
    """The array as the kernel of its streams takes it."""

    rows: int
    cols: int
    stationary: int  # weight or input stationary
    drains: int
    lag: int  # from a word's entry to its output word
    room: int  # output words that the staging buffer holds


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorUnit:
    """Lanes for everything between two products: softmax, norms, activations, pooling, conversions.

    A row of n elements is ``ceil(n / lanes)`` words, an op takes some passes over each row, and a pass may
    begin `reduce_latency` cycles after the last word of the one before. Rows go in blocks of `block_rows`,
    all of them through a pass before the next, which hides that latency. Bias, activation, residual and
    conversion of what leaves the array ride on its output words and take no cycles.
    """

    lanes: int = 64  # as many as the array has columns
    reduce_latency: int = 24  # assumed: a tree over 64 lanes, a reciprocal and its broadcast
    block_rows: int = 16  # assumed
    pipeline_latency: int = 16  # assumed: from the first operand to the first result, once an op

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "lanes", "block_rows", maximum=1 << 16)
            with rules.apart():
                require_integers(self, 0, "reduce_latency", "pipeline_latency", maximum=MAX_LATENCY)

    def cycles(self, rows: int, elements: int, passes: int) -> int:
        """Return the cycles of `passes` passes over `rows` rows of `elements` elements, pipeline included."""
        full, rest = divmod(rows, self.block_rows)
        words = -(-elements // self.lanes)
        total = full * self._block(self.block_rows, words, passes)
        if rest:
            total += self._block(rest, words, passes)
        return total + self.pipeline_latency

    def _block(self, rows: int, words: int, passes: int) -> int:
        return passes * rows * words + (passes - 1) * max(0, self.reduce_latency - (rows - 1) * words)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierPath:
    """Operands that are too large for the width of the others: OLAccel (Park, Kim, Yoo, ISCA 2018).

    A share of the elements of every operand of at most 4 bits lies apart, each with its position. Activations
    that do pass the array again behind the words of their tile, as many bits at a time as a PE multiplies.
    Weights that do take no cycles: there each group of PEs has one more for them.
    """

    share: float = 0.0  # of the elements; 0: there is no such path
    bits: int = 16  # of an outlier; assumed
    position_bits: int = 16  # beside each; assumed

    def __post_init__(self) -> None:
        with Rules() as rules:
            rules.require(0 <= self.share <= 1, "OutlierPath.share must be a number in 0...1", self.share)
            with rules.apart():
                require_integers(self, 1, "bits", "position_bits", maximum=64)

    def cycles(self, dense: int, pe_bits: int) -> int:
        """Return the cycles that outliers take behind the `dense` cycles of all other elements."""
        return math.ceil(dense * self.share * -(-self.bits // pe_bits))

    def size_bytes(self, elements: int) -> int:
        """Return the bytes of the outliers among so many elements."""
        return math.ceil(elements * self.share * (self.bits + self.position_bits) / BYTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AntConfig:
    """The ANT machine: array, vector unit, path of outliers, scratchpads, DRAM, clock."""

    array: AntArray = field(default_factory=AntArray)
    vector: VectorUnit = field(default_factory=VectorUnit)
    outliers: OutlierPath = field(default_factory=OutlierPath)
    activation_scratchpad: BufferConfig
    weight_scratchpad: BufferConfig
    accumulator_scratchpad: BufferConfig  # sums at the foot, `foot_width` bits each
    residual_scratchpad: BufferConfig  # what rides on the array's results: residuals, biases, norms
    output_scratchpad: BufferConfig  # results of the array on their way to DRAM
    vector_scratchpad: BufferConfig  # one half operands of the vector unit, one half its results
    dram: DramConfig = DRAMS["ddr4-2400"]
    energy: EnergyConfig = field(default_factory=EnergyConfig)
    clock_hz: int = 1_000_000_000  # assumed: as the SALO array

    def __post_init__(self) -> None:
        require_integers(self, MIN_CLOCK_HZ, "clock_hz", maximum=PS_PER_SECOND)
        require(
            PS_PER_SECOND % self.clock_hz == 0,
            "AntConfig.clock_hz must divide 10^12 (a whole number of picoseconds a cycle)",
            self.clock_hz,
        )
        held = self.vector_scratchpad.capacity_bytes
        rule = "AntConfig.vector_scratchpad.capacity_bytes must be at least 2, for operands and results"
        require(held >= 2, rule, held)

    @property
    def accumulator_rows(self) -> int:
        """Addresses of the accumulators at the foot: sums that each column holds."""
        return self.accumulator_scratchpad.capacity_bytes * BYTE // (self.array.cols * self.array.foot_width)

    @property
    def staging_words(self) -> int:
        """Output words that the output scratchpad holds: a sum of each column."""
        return self.output_scratchpad.capacity_bytes * BYTE // (self.array.cols * self.array.foot_width)

    @property
    def full_rate_words(self) -> int:
        """Output words that must have room, or a tile of R rows and R words waits for its outputs."""
        lag = self.array.output_lag + STAGING_LATENCY
        return lag + 1 if self.array.stationary else lag + self.array.rows

    @property
    def timing(self) -> GemmTiming:
        """What the cycles of the four streams follow from."""
        array = self.array
        return GemmTiming(
            rows=array.rows,
            cols=array.cols,
            stationary=int(array.stationary),
            drains=int(array.schedule is Schedule.DRAIN),
            lag=array.output_lag,
            room=self.staging_words,
        )

    @property
    def circuit(self) -> AntCircuit:
        """All that the circuit depends on."""
        array = self.array
        found: dict[str, Any] = {
            "drains": array.schedule is Schedule.DRAIN,
            "saturates": array.overflow is Overflow.SATURATE,
            "accumulator_rows": self.accumulator_rows,
            "staging_words": self.staging_words,
        }
        names = (each.name for each in fields(AntCircuit) if each.name not in found)
        return AntCircuit(**found, **{name: getattr(array, name) for name in names})

    def check_circuit(self) -> None:
        """Raise `ConfigError` for what can be counted but not built."""
        self.check_buffers()
        self.array.check_accumulators()

    def check_buffers(self) -> None:
        """Raise `ConfigError` where a tile has no room for its sums, or for its outputs."""
        words = 1 if self.array.stationary else self.array.rows
        needed = -(-words * self.array.cols * self.array.foot_width // BYTE)
        require(
            self.staging_words >= words,
            f"AntConfig.output_scratchpad.capacity_bytes must be at least {needed} for a circuit: one tile",
            self.output_scratchpad.capacity_bytes,
        )
        needed = -(-self.array.cols * self.array.foot_width // BYTE)
        require(
            self.accumulator_rows >= 1,
            f"AntConfig.accumulator_scratchpad.capacity_bytes must be at least {needed} for a circuit",
            self.accumulator_scratchpad.capacity_bytes,
        )

    @property
    def cycle_ps(self) -> int:
        """Length of a machine cycle in picoseconds."""
        return PS_PER_SECOND // self.clock_hz

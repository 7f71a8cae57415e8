"""Number formats of the SALO array, for both normalizations: what each register holds, and how it rounds.

Obeys: SALO (arXiv 2206.14550) and the widths of its artifact's PE, with rounding in place of truncation
and saturation in place of wrap-around. With the published truncations the mean absolute error is 0.055.

The array computes ``2**score``. Before its one quantization the query is multiplied in float64 by

    c = log2(e) * 2**s / sqrt(head_dim of the operation),   s = score_shift(head_dim of the array)

and the exponential unit reads the score with ``s`` more fraction bits: softmax(q k / sqrt(d)), base e.
"""

from __future__ import annotations

import enum
import math
import operator
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import ConfigError, Rules, require_integers
from tandemsim.sim.arch.formats import MAX_WIDTH, Fixed, Rounding, shift_half_up
from tandemsim.sim.arch.reciprocal import ReciprocalConfig
from tandemsim.sim.arch.salo.exp2 import PUBLISHED_EXP, WIDE_EXP, ExpConfig
from tandemsim.sim.arch.types import Half

MAX_INPUT_WIDTH = np.iinfo(Half).bits
MAX_EXPONENT_WIDTH = 16  # assumed: 2^15 doublings of a row sum are more than any row has keys
KERNEL_WIDTH = 31  # partial sums and products are held in int32 while they are vectorized


class Normalisation(enum.Enum):
    """When the softmax is divided by its row sum."""

    PER_PASS = "per_pass"  # in each pass, before PV; passes are then averaged, weighted by their row sums
    DEFERRED = "deferred"  # once, after the last pass; passes add up


@dataclass(frozen=True, slots=True, kw_only=True)
class SumFormats:
    """Formats of the sums over values, which differ between the two normalizations."""

    psum: Fixed  # weighted sum of the values along a row, inside a pass
    psum_rounding: Rounding  # of a product to psum.fraction
    merge: Fixed  # weighted-sum unit of a local row, over passes
    global_merge: Fixed  # weighted-sum unit of a global row


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloNumerics:
    """Every number format of the array: those of all PEs, and of both kinds of merge buffer."""

    input: Fixed  # query, key, value
    storage_width: int  # bits of an element in memory, with the fraction of `input`
    score: Fixed  # query x key, summed; saturates at every step
    exp: ExpConfig
    weight: Fixed  # of a value in the weighted sum: probability (per_pass), or relative to the row's maximum
    row_sum: Fixed  # of the weights of one pass
    reciprocal: ReciprocalConfig
    merge_exponent_width: int  # exponent of the merged row sum: grows as the row sum is renormalized
    merge_weight_fraction: int  # weights of the old and new part, per_pass
    renormalise_at: int  # a merged row sum of 2**renormalise_at is halved, and its exponent raised
    output: Fixed
    per_pass: SumFormats
    deferred: SumFormats

    def __post_init__(self) -> None:
        require_integers(self, 2, "storage_width")
        require_integers(self, 2, "merge_exponent_width", maximum=MAX_EXPONENT_WIDTH)
        require_integers(self, 1, "merge_weight_fraction", "renormalise_at", maximum=MAX_WIDTH)
        with Rules() as rules:
            self._check_formats(rules)
        with Rules() as rules:
            self._check_widths(rules)
            self._check_deferred(rules)

    def _check_formats(self, rules: Rules) -> None:
        """The formats go together."""
        width, exp = self.input.width, self.exp
        rules.require(
            width <= MAX_INPUT_WIDTH, f"SaloNumerics.input.width must be at most {MAX_INPUT_WIDTH}", width
        )
        stored = -(-width // 8) * 8
        rules.require(
            self.storage_width <= width or self.storage_width == stored,
            f"SaloNumerics.storage_width must be at most input.width ({width}), or {stored} for whole bytes",
            self.storage_width,
        )
        rules.require(
            self.score.fraction == 2 * self.input.fraction,
            f"SaloNumerics.score.fraction must be twice input.fraction ({2 * self.input.fraction})",
            self.score.fraction,
        )
        rules.require(
            self.score.fraction >= exp.fraction_bits,
            f"SaloNumerics.score.fraction must be at least exp.fraction_bits ({exp.fraction_bits})",
            self.score.fraction,
        )
        rules.require(
            self.weight.fraction <= exp.fraction_bits + self.weight.width,
            "SaloNumerics.weight.fraction must be at most exp.fraction_bits + weight.width"
            f" ({exp.fraction_bits + self.weight.width})",
            self.weight.fraction,
        )
        if not rules.broken:
            needed = self.highest_weight.bit_length() + 1
            rules.require(
                self.weight.width >= needed,
                f"SaloNumerics.weight.width must be at least {needed}: the highest mantissa",
                self.weight.width,
            )
        rules.require(
            self.row_sum.fraction >= self.weight.fraction,
            f"SaloNumerics.row_sum.fraction must be at least weight.fraction ({self.weight.fraction})",
            self.row_sum.fraction,
        )
        rules.require(
            self.merge_exponent_width > exp.exponent_width,
            f"SaloNumerics.merge_exponent_width must exceed exp.exponent_width ({exp.exponent_width})",
            self.merge_exponent_width,
        )

    def _check_widths(self, rules: Rules) -> None:
        """The kernels' integers are wide enough for every intermediate."""
        product = self.weight.width + self.input.width
        rule = f"SaloNumerics.weight.width + input.width must be at most {KERNEL_WIDTH}"
        rules.require(product <= KERNEL_WIDTH, rule, product)
        narrow = {"score": self.score, "row_sum": self.row_sum, "output": self.output}
        for name in ("per_pass", "deferred"):
            formats: SumFormats = getattr(self, name)
            narrow |= {f"{name}.psum": formats.psum, f"{name}.merge": formats.merge}
            narrow |= {f"{name}.global_merge": formats.global_merge}
            for merge in (formats.merge, formats.global_merge):
                bits = max(merge.width, formats.psum.width) + abs(merge.fraction - formats.psum.fraction)
                bits += max(self.merge_weight_fraction, self.reciprocal.fraction) + 2
                rules.require(
                    bits <= MAX_WIDTH, f"SaloNumerics.{name} products must fit {MAX_WIDTH} bits", bits
                )
        for name, fixed in narrow.items():
            rule = f"SaloNumerics.{name}.width must be at most {KERNEL_WIDTH}"
            rules.require(fixed.width <= KERNEL_WIDTH, rule, fixed.width)

    def _check_deferred(self, rules: Rules) -> None:
        """Deferred sums are added to the merge buffer as they are, and it holds every sum of a row."""
        formats = self.deferred
        for name, merge in (("merge", formats.merge), ("global_merge", formats.global_merge)):
            rules.require(
                merge.fraction == formats.psum.fraction,
                f"SaloNumerics.deferred.{name}.fraction must equal SaloNumerics.deferred.psum.fraction"
                f" ({formats.psum.fraction})",
                merge.fraction,
            )
            needed = self.renormalise_at + self.input.integer_bits + 1 + merge.fraction
            rules.require(
                merge.width >= needed,
                f"SaloNumerics.deferred.{name}.width must be at least {needed}"
                f" for SaloNumerics.renormalise_at={self.renormalise_at}",
                merge.width,
            )

    @property
    def element_bytes(self) -> int:
        """Bytes of a query, key or value element in DRAM and in the scratchpads."""
        return -(-self.storage_width // 8)

    @property
    def output_bytes(self) -> int:
        """Bytes of an output element: a mean of values, so a sign and one bit more than theirs are enough."""
        bits = 2 + self.input.integer_bits + self.output.fraction
        return -(-min(bits, self.output.width) // 8)

    @property
    def stored(self) -> Fixed:
        """Format of an element in memory: `input`, narrowed to the storage."""
        return Fixed(min(self.storage_width, self.input.width), self.input.fraction)

    @property
    def highest_weight(self) -> int:
        """Raw weight of the highest mantissa at the row's maximum."""
        drop = self.exp.fraction_bits - self.weight.fraction
        mantissa = self.exp.maximum_mantissa
        return mantissa << -drop if drop <= 0 else (mantissa + (1 << (drop - 1))) >> drop

    @property
    def highest_sink(self) -> int:
        """Raw row sum of a sink with the highest mantissa, relative to its exponent."""
        return int(shift_half_up(self.exp.maximum_mantissa, self.exp.fraction_bits - self.row_sum.fraction))

    @property
    def merge_sum(self) -> Fixed:
        """Format of the merged row sum."""
        return Fixed(self.renormalise_at + self.row_sum.fraction + 1, self.row_sum.fraction)

    def sums(self, normalisation: Normalisation) -> SumFormats:
        """Return the formats that `normalisation` uses."""
        return self.deferred if normalisation is Normalisation.DEFERRED else self.per_pass

    def check_head(self, head_dim: int, chain: int, normalisation: Normalisation) -> None:
        """Raise `ConfigError` where heads of `head_dim`, or rows of `chain` PEs, overflow by construction.

        It lists every width that is too small.
        """
        least: dict[str, int] = {}  # what each field must be at least

        def hold(name: str, bits: int) -> None:
            """The format `name` must have so many integer bits."""
            least[f"{name}.width"] = bits + 1 + operator.attrgetter(name)(self).fraction

        hold("score", self.exp.exponent_width - 1 + score_shift(head_dim))
        terms = chain * self.highest_weight / self.weight.scale  # of one pass
        bits = int(terms).bit_length()
        hold("row_sum", bits)
        least["renormalise_at"] = bits
        if self.renormalise_at < bits:  # then the sums must hold more, too
            hold("deferred.merge", bits + self.input.integer_bits)
            hold("deferred.global_merge", bits + self.input.integer_bits)
        if normalisation is Normalisation.PER_PASS:
            terms = 2.0  # probabilities add up to 1, and roundings
        hold(f"{normalisation.value}.psum", int(terms * 2.0**self.input.integer_bits).bit_length())
        own = {name: operator.attrgetter(name)(self) for name in least}
        short = [name for name in least if own[name] < least[name]]
        needed = ", ".join(f"SaloNumerics.{name} {least[name]}" for name in short)
        values = ", ".join(str(own[name]) for name in short)
        if short:
            raise ConfigError(
                f"{needed.replace(' ', ' must be at least ', 1)} for heads of {head_dim}"
                f" on {chain} PEs per row (array.cols + array.global_cols), not {values}"
            )


def score_shift(head_dim: int) -> int:
    """Return s: the right shift that stands for ``1/sqrt(head_dim)``, rounded up."""
    return math.ceil(math.log2(head_dim) / 2)


def query_factor(head_dim: int, array_head_dim: int) -> float:
    """Return c, by which a query of `head_dim` is multiplied on an array of `array_head_dim`."""
    return sink_factor(array_head_dim) / math.sqrt(head_dim)


def sink_factor(array_head_dim: int) -> float:
    """Return what turns the logit of a sink into a score of an array of `array_head_dim`."""
    return math.log2(math.e) * (1 << score_shift(array_head_dim))


PUBLISHED = SaloNumerics(
    input=Fixed(9, 4),  # artifact
    storage_width=8,  # paper: 8-bit inputs
    score=Fixed(18, 8),  # artifact
    exp=PUBLISHED_EXP,
    weight=Fixed(9, 7),  # artifact's probability
    row_sum=Fixed(19, 11),  # artifact: 18b/8f. 33 weights below 2: 7 integer bits; 3 guard bits
    reciprocal=ReciprocalConfig(),
    merge_exponent_width=6,  # 2^16 times the longest row of exponent 0
    merge_weight_fraction=16,  # assumed: an update by 1/65536 of a row is not lost
    renormalise_at=8,  # with 24 b sums of |value| < 16
    output=Fixed(18, 8),  # artifact
    per_pass=SumFormats(
        psum=Fixed(18, 11),  # artifact: 18 b. 11 f keeps the whole product
        psum_rounding=Rounding.HALF_EVEN,  # of no effect: nothing is dropped
        merge=Fixed(18, 8),  # artifact
        global_merge=Fixed(24, 14),  # 8 f would lose the updates of a row of thousands of keys
    ),
    deferred=SumFormats(
        psum=Fixed(24, 11),  # 33 weights below 2 of |value| <= 16: 1056
        psum_rounding=Rounding.HALF_EVEN,  # of no effect: nothing is dropped
        merge=Fixed(24, 11),
        global_merge=Fixed(24, 11),
    ),
)

WIDE = SaloNumerics(  # assumed throughout: widths found by prototype, for a mean absolute error below 0.001
    input=Fixed(11, 6),
    storage_width=16,
    score=Fixed(24, 12),
    exp=WIDE_EXP,
    weight=Fixed(14, 12),
    row_sum=Fixed(20, 12),
    reciprocal=ReciprocalConfig(),
    merge_exponent_width=8,
    merge_weight_fraction=16,
    renormalise_at=10,
    output=Fixed(16, 10),
    per_pass=SumFormats(
        psum=Fixed(25, 12), psum_rounding=Rounding.HALF_EVEN, merge=Fixed(28, 12), global_merge=Fixed(28, 12)
    ),
    deferred=SumFormats(
        psum=Fixed(25, 12), psum_rounding=Rounding.HALF_EVEN, merge=Fixed(28, 12), global_merge=Fixed(28, 12)
    ),
)

NUMERICS = {"published": PUBLISHED, "wide": WIDE}

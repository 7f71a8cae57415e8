"""Number formats of the SALO array, for both normalisations: what each register holds, and how it rounds.

Obeys: SALO (arXiv 2206.14550) and the widths of its artifact's PE, with rounding in place of truncation
and saturation in place of wrap-around. With the published truncations the mean absolute error is 0.055.

The array computes ``2**score``. Before its one quantisation the query is multiplied in float64 by

    c = log2(e) * 2**s / sqrt(head_dim of the operation),   s = score_shift(head_dim of the array)

and the exponential unit reads the score with ``s`` more fraction bits: softmax(q k / sqrt(d)), base e.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from sim.arch.checks import require, require_integers
from sim.arch.exp2 import PUBLISHED_EXP, WIDE_EXP, ExpConfig
from sim.arch.formats import MAX_WIDTH, Fixed, Rounding
from sim.arch.reciprocal import ReciprocalConfig

KERNEL_WIDTH = 31  # partial sums and products are held in int32 while they are vectorised


class Normalisation(enum.Enum):
    """When the softmax is divided by its row sum."""

    PER_PASS = "per_pass"  # in each pass, before PV; passes are then averaged, weighted by their row sums
    DEFERRED = "deferred"  # once, after the last pass; passes add up


@dataclass(frozen=True, slots=True, kw_only=True)
class SumFormats:
    """Formats of the sums over values, which differ between the two normalisations."""

    psum: Fixed  # weighted sum of the values along a row, inside a pass
    psum_rounding: Rounding  # of a product to psum.fraction
    merge: Fixed  # weighted-sum unit of a local row, over passes
    global_merge: Fixed  # weighted-sum unit of a global row


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloNumerics:
    """Every number format of the array. The same for all PEs, except the merge buffer of the global rows."""

    input: Fixed  # query, key, value
    storage_width: int  # bits of an element in memory, with the fraction of `input`
    score: Fixed  # query x key, summed; saturates at every step
    exp: ExpConfig
    weight: Fixed  # of a value in the weighted sum: probability (per_pass), or relative to the row's maximum
    row_sum: Fixed  # of the weights of one pass
    reciprocal: ReciprocalConfig
    merge_exponent_width: int  # exponent of the merged row sum: grows as the row sum is renormalised
    merge_weight_fraction: int  # weights of the old and new part, per_pass
    renormalise_at: int  # a merged row sum of 2**renormalise_at is halved, and its exponent raised
    output: Fixed
    per_pass: SumFormats
    deferred: SumFormats

    def __post_init__(self) -> None:
        require_integers(self, 2, "storage_width", "merge_exponent_width")
        require_integers(self, 1, "merge_weight_fraction", "renormalise_at")
        require(self.input.width <= 16, "SaloNumerics.input.width must be at most 16", self.input.width)
        require(
            self.score.fraction == 2 * self.input.fraction,
            f"SaloNumerics.score.fraction must be twice input.fraction ({2 * self.input.fraction})",
            self.score.fraction,
        )
        require(
            self.score.fraction >= self.exp.fraction_bits,
            f"SaloNumerics.score.fraction must be at least exp.fraction_bits ({self.exp.fraction_bits})",
            self.score.fraction,
        )
        require(
            self.highest_weight <= self.weight.maximum,
            f"SaloNumerics.weight must hold the highest mantissa ({self.highest_weight / self.weight.scale})",
            str(self.weight),
        )
        require(
            self.row_sum.fraction >= self.weight.fraction,
            f"SaloNumerics.row_sum.fraction must be at least weight.fraction ({self.weight.fraction})",
            self.row_sum.fraction,
        )
        require(
            self.merge_exponent_width > self.exp.exponent_width,
            f"SaloNumerics.merge_exponent_width must exceed exp.exponent_width ({self.exp.exponent_width})",
            self.merge_exponent_width,
        )
        self._check_widths()
        self._check_deferred()

    def _check_widths(self) -> None:
        """The kernels' integers are wide enough for every intermediate."""
        product = self.weight.width + self.input.width
        rule = f"SaloNumerics.weight.width + input.width must be at most {KERNEL_WIDTH}"
        require(product <= KERNEL_WIDTH, rule, product)
        narrow = {"score": self.score, "row_sum": self.row_sum, "output": self.output}
        for name in ("per_pass", "deferred"):
            formats: SumFormats = getattr(self, name)
            narrow |= {f"{name}.psum": formats.psum, f"{name}.merge": formats.merge}
            narrow |= {f"{name}.global_merge": formats.global_merge}
            for merge in (formats.merge, formats.global_merge):
                bits = max(merge.width, formats.psum.width) + abs(merge.fraction - formats.psum.fraction)
                bits += max(self.merge_weight_fraction, self.reciprocal.fraction) + 2
                require(bits <= MAX_WIDTH, f"SaloNumerics.{name} products must fit {MAX_WIDTH} bits", bits)
        for name, fixed in narrow.items():
            rule = f"SaloNumerics.{name}.width must be at most {KERNEL_WIDTH}"
            require(fixed.width <= KERNEL_WIDTH, rule, fixed.width)

    def _check_deferred(self) -> None:
        """Deferred sums are added to the merge buffer as they are, and it holds every sum of a row."""
        formats = self.deferred
        for name, merge in (("merge", formats.merge), ("global_merge", formats.global_merge)):
            require(
                merge.fraction == formats.psum.fraction,
                f"SaloNumerics.deferred.{name}.fraction must equal psum.fraction ({formats.psum.fraction})",
                merge.fraction,
            )
            require(
                merge.integer_bits >= self.renormalise_at + self.input.integer_bits,
                f"SaloNumerics.deferred.{name} must hold 2**renormalise_at inputs"
                f" ({self.renormalise_at + self.input.integer_bits} integer bits)",
                str(merge),
            )

    @property
    def element_bytes(self) -> int:
        """Bytes of a query, key or value element in DRAM and in the scratchpads."""
        return -(-self.storage_width // 8)

    @property
    def output_bytes(self) -> int:
        """Bytes of an output element: an output is a mean of values, so its sign and one bit on top of theirs
        do.
        """
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
    def merge_sum(self) -> Fixed:
        """Format of the merged row sum."""
        return Fixed(self.renormalise_at + self.row_sum.fraction + 1, self.row_sum.fraction)

    def sums(self, normalisation: Normalisation) -> SumFormats:
        """Return the formats that `normalisation` uses."""
        return self.deferred if normalisation is Normalisation.DEFERRED else self.per_pass

    def check_head(self, head_dim: int, chain: int, normalisation: Normalisation) -> None:
        """Raise `ConfigError` where heads of `head_dim`, or rows of `chain` PEs, overflow by construction."""
        rest = self.score.integer_bits - score_shift(head_dim)
        require(
            rest >= self.exp.exponent_width - 1,
            f"SaloNumerics.score must keep {self.exp.exponent_width - 1} integer bits for the exponent"
            f" after the shift for head_dim {head_dim}",
            rest,
        )
        terms = chain * self.highest_weight / self.weight.scale  # of one pass
        held = 2**self.row_sum.integer_bits
        require(terms < held, f"SaloNumerics.row_sum must hold {chain} weights ({terms})", str(self.row_sum))
        rule = f"SaloNumerics.renormalise_at must leave room for one pass ({terms})"
        require(terms < 2**self.renormalise_at, rule, self.renormalise_at)
        if normalisation is Normalisation.PER_PASS:
            terms = 2.0  # probabilities add up to 1, and roundings
        highest = terms * 2**self.input.integer_bits
        psum = self.sums(normalisation).psum
        rule = f"SaloNumerics.{normalisation.value}.psum must hold a row of {chain} ({highest})"
        require(highest < 2**psum.integer_bits, rule, str(psum))


def score_shift(head_dim: int) -> int:
    """Return s: the right shift that stands for ``1/sqrt(head_dim)``, rounded up."""
    return math.ceil(math.log2(head_dim) / 2)


def query_factor(head_dim: int, array_head_dim: int) -> float:
    """Return c, by which a query of `head_dim` is multiplied on an array of `array_head_dim`."""
    return math.log2(math.e) * (1 << score_shift(array_head_dim)) / math.sqrt(head_dim)


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

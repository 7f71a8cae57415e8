"""Stage codes of the SALO array: what a PE does in a cycle. They move right along a row, one PE per cycle.

Obeys: the PE of the SALO artifact, codes 0 to 4; the codes for waiting and flushing have no number there.

    deferred   SCORE x head_dim, EXP x exp_latency, ROW_SUM, WEIGHTED_SUM x head_dim, FLUSH x flush_cycles
    per_pass   SCORE x head_dim, EXP x exp_latency, ROW_SUM, IDLE x wait, NORMALISE x normalise_latency,
               WEIGHTED_SUM x head_dim, FLUSH x flush_cycles
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tandemsim.sim.arch.salo.config import SaloArray


class Stage(enum.IntEnum):
    """The work of one cycle."""

    SCORE = 0  # score += query * key
    EXP = 1  # (exponent, mantissa) of 2^score; held for exp_latency cycles
    ROW_SUM = 2  # the row's maximum and sum pass through the PE, which adds its own
    NORMALISE = 3  # weight = mantissa / row sum; held for normalise_latency cycles
    WEIGHTED_SUM = 4  # psum passes through the PE, which adds weight * value
    FLUSH = 5  # clears the score before the next pass
    IDLE = 6  # everything is held


def pass_stages(array: SaloArray) -> list[tuple[Stage, int]]:
    """Return the stages of column 0 in a pass and the cycles of each; 0: one for each element of a head.

    They add up to ``array.pass_cycles(head_dim) + array.timing.gap``.
    """
    after_row_sum = array.timing.between - array.exp_latency - 1  # 0: deferred
    normalise = min(after_row_sum, array.normalise_latency)
    found = [
        (Stage.SCORE, 0),
        (Stage.EXP, array.exp_latency),
        (Stage.ROW_SUM, 1),
        (Stage.IDLE, after_row_sum - normalise),
        (Stage.NORMALISE, normalise),
        (Stage.WEIGHTED_SUM, 0),
        (Stage.FLUSH, array.flush_cycles),
        (Stage.IDLE, array.timing.gap - array.flush_cycles),
    ]
    return [
        (stage, cycles) for stage, cycles in found if cycles or stage in (Stage.SCORE, Stage.WEIGHTED_SUM)
    ]

"""Stage codes of the SALO array: what a PE does in a cycle. They move right along a row, one PE a cycle.

Obeys: the PE of the SALO artifact, codes 0 to 4; the codes for waiting and flushing have no number there.

    deferred   SCORE x head_dim, EXP x exp_latency, ROW_SUM, WEIGHTED_SUM x head_dim, FLUSH x flush_cycles
    per_pass   SCORE x head_dim, EXP x exp_latency, ROW_SUM, IDLE x wait, NORMALISE x normalise_latency,
               WEIGHTED_SUM x head_dim, FLUSH x flush_cycles
"""

from __future__ import annotations

import enum


class Stage(enum.IntEnum):
    """The work of one cycle."""

    SCORE = 0  # score += query * key
    EXP = 1  # (exponent, mantissa) of 2^score; held for exp_latency cycles
    ROW_SUM = 2  # the row's maximum and sum pass through the PE, and take up its own
    NORMALISE = 3  # weight = mantissa / row sum; held for normalise_latency cycles
    WEIGHTED_SUM = 4  # psum passes through the PE, and takes up weight * value
    FLUSH = 5  # clears the score before the next pass
    IDLE = 6  # everything is held

"""The highest utilization that SALO's schedule of a pattern allows: `python -m benchmarks.salo_ceiling`.

    python -m benchmarks.salo_ceiling causal:8192,4096 128
    python -m benchmarks.salo_ceiling causal:8192,4096 128 1    # of the last query, a step of generation

Every PE of every pass is looked at by itself: which key it meets, and whether that pair is of the pattern and
new. The ceiling is what the pairs would take if no operand were ever waited for: pairs × (head_dim + v_dim)
over all multipliers, in the cycles of the passes back to back.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.salo.scheduling.schedule import Schedule, schedule
from tandemsim.traces.pattern import Pattern

AT_ONCE = 256  # passes


def pairs_in_pes(found: Schedule, rows: int, cols: int, segments: int) -> int:
    """Count the PEs that work on a pair, over all passes of a head; global rows are counted as they are."""
    width = cols // segments
    row, col = np.arange(rows)[:, None], np.arange(cols)[None, :]
    segment, slot = col // width + 0 * row, row + width - 1 - col % width
    total = int(found.row_keys.valid.sum())
    for start in range(0, found.tiles, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        queries = found.block_rows[found.block[some]] >= 0
        valid = found.slots.local_valid[some][:, segment, slot]
        same = found.slots.key_tag[some][:, segment, slot] == found.slots.row_tag[some][:, segment, row]
        works = queries[:, :, None] & valid & same & found.slots.col_mask[some][:, None, :]
        columns = queries[:, :, None] & (found.column_keys[some][:, None, :] >= 0)
        total += int(works.sum()) + int(columns.sum())
    return total


def main(pattern: str, head_dim: str = "64", queries: str = "") -> None:
    """Print the ceiling of a pattern, in the words of ``--pattern``, for heads of so many elements.

    `queries`: of that many at the end of the text, not of all.
    """
    size = int(head_dim)
    config = SALO_FAMILY.config("salo", {"array.head_dim": max(64, size)})
    array = config.array
    stated = Pattern.from_op(pattern_trace(pattern, head_dim=size).ops[0])
    if queries:
        stated = replace(stated, q_len=int(queries), q_offset=stated.seq_len - int(queries))
    found = schedule(stated, array, config.scheduling)
    pairs = pairs_in_pes(found, array.rows, array.cols, array.column_segments)
    if pairs != stated.pairs():
        raise SystemExit(f"the schedule has {pairs:,} pairs, the pattern {stated.pairs():,}")
    peak = array.total_cycles(found.tiles, size) * array.pes
    print(f"{found.tiles:,} passes of a head, {pairs:,} pairs, each in one PE")
    print(f"of {found.tiles * array.pes:,} PEs, {pairs / (found.tiles * array.pes):.1%} have a pair")
    print(f"of {array.pass_cycles(size) + array.timing.gap} cycles of a pass, {2 * size} multiply")
    print(f"ceiling {pairs * 2 * size / peak:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

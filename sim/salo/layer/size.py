"""How much host memory the plan of a layer will take: tiles and transfers are planned all at once.

The bytes of each part are measured (``tests/salo/test_machine_size.py`` holds the estimate to the memory of
real plans); how many parts there are is bounded from the pattern, without a schedule.
"""

from __future__ import annotations

import math

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.traces.pattern import Pattern

MAX_PLAN_BYTES = 1 << 32  # assumed: what a workstation can spare
TILE_BYTES = 110  # per tile and head: what it awaits, when it ran
TRANSFER_BYTES = 250  # per transfer: its columns, once more while they are put in order
PASS_BYTES = 1000  # per tile of one head, beside its slots: the passes of a schedule in Python
BLOCK_BYTES = 6000  # per query block: the columns of its transfers, before they are joined
TOKEN_BYTES = 64  # per token: streams, masks


def check_size(config: SaloConfig, pattern: Pattern, heads: int) -> None:
    """Raise `ConfigError` for a layer whose plan would take more than `MAX_PLAN_BYTES`."""
    needed = plan_bytes(config, pattern, heads)
    if needed > MAX_PLAN_BYTES:
        rule = f"its plan must take at most {MAX_PLAN_BYTES >> 30} GiB of memory"
        size = f"{needed / 2**30:.1f} GiB, for {heads:,} heads"
        raise ConfigError(f"{rule}, not {size}; run fewer at once")


def plan_bytes(config: SaloConfig, pattern: Pattern, heads: int) -> int:
    """Return about how many bytes the plan of a layer takes at its largest."""
    array, blocks, tiles = config.array, _blocks(config, pattern), _tiles(config, pattern)
    slots = array.column_segments * array.segment_slots
    of_pass = 8 * slots + array.column_segments * array.rows + array.cols
    of_pass += 6 * array.global_rows * array.cols + PASS_BYTES
    of_head = TILE_BYTES * tiles + TRANSFER_BYTES * (4 * blocks + tiles)
    return TOKEN_BYTES * pattern.seq_len + BLOCK_BYTES * blocks + of_pass * tiles + heads * of_head


def _blocks(config: SaloConfig, pattern: Pattern) -> int:
    """Return the query blocks: the tokens of a residue class, `rows` at a time; one sweep per dilation."""
    bands = () if pattern.grid else pattern.disjoint_bands()
    dilations = {min(band.dilation, pattern.seq_len) for band in bands} or {1}
    return sum(_of_classes(pattern.seq_len, dilation, config.array.rows) for dilation in dilations)


def _of_classes(seq_len: int, classes: int, rows: int) -> int:
    longest = -(-seq_len // classes)
    return min(classes * -(-longest // rows), seq_len)


def _tiles(config: SaloConfig, pattern: Pattern) -> int:
    """Return an upper bound of the tiles of a head: each band of each block cut to segments."""
    array = config.array
    if pattern.grid is not None and pattern.window_2d is not None:
        (low_y, high_y), (low_x, high_x) = pattern.window_2d
        height, width = pattern.grid
        chunks = math.ceil(min(high_x - low_x + 1, 2 * width - 1) / array.segment_cols)  # per image row
        chunks *= min(high_y - low_y + 1, 2 * height - 1)
        tiles = -(-chunks // array.column_segments) * _of_classes(pattern.seq_len, 1, array.rows)
    else:
        tiles = 0
        for band in pattern.disjoint_bands():
            classes = min(band.dilation, pattern.seq_len)
            keys = (band.high - band.low) // band.dilation + 1
            chunks = math.ceil(math.ceil(keys / array.segment_cols) / array.column_segments)
            tiles += chunks * _of_classes(pattern.seq_len, classes, array.rows)
    on_local_rows = max(0, len(pattern.global_tokens) - array.global_rows)
    whole = -(-(pattern.seq_len + array.rows) // array.cols)  # passes that stream the sequence
    return max(1, tiles) + -(-on_local_rows // array.rows) * whole + whole

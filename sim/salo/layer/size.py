"""How much host memory the plan of a layer will take: tiles and transfers are planned all at once.

The bytes of each part are measured (``tests/salo/test_machine_size.py`` holds the estimate to the memory of
real plans); how many parts there are is bounded from the pattern, without a schedule.
"""

from __future__ import annotations

import math

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.traces.pattern import Band, Pattern

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
    tokens = pattern.seq_len + pattern.q_len
    return TOKEN_BYTES * tokens + BLOCK_BYTES * blocks + of_pass * tiles + heads * of_head


def bands_of(pattern: Pattern) -> tuple[Band, ...]:
    """Return the bands of a pattern without a grid or blocks: each offset once, and a clamped band as stated.

    A clamped one is alone, and as long at the borders as elsewhere.
    """
    return pattern.bands if pattern.clamped else pattern.disjoint_bands()


def _blocks(config: SaloConfig, pattern: Pattern) -> int:
    """Return an upper bound of the query blocks: of each sweep the queries of a residue class, `rows` at a
    time, and one more for each place where they are cut.
    """
    rows = config.array.rows
    if pattern.grid is not None:
        edges = 2 * pattern.grid[0] * (1 + pattern.grid[1] // rows) if pattern.clamped else 0
        return _of_classes(pattern.q_len, 1, rows) + edges + pattern.grid[0]
    if pattern.blocks is not None:
        of_lists = len(pattern.blocks.rows) * -(-pattern.blocks.query // rows)
        return min(of_lists + _cuts(pattern), pattern.q_len)
    blocks = 0
    for dilation in {band.dilation for band in bands_of(pattern)} or {1}:
        classes = min(dilation, pattern.q_len)
        blocks += min(_of_classes(pattern.q_len, classes, rows) + classes * _cuts(pattern), pattern.q_len)
    return blocks


def _cuts(pattern: Pattern) -> int:
    """Return an upper bound of the places where the queries of a class are cut."""
    cuts = 2 * int(pattern.clamped)
    if pattern.chunks is not None:
        cuts += pattern.q_len // pattern.chunks.size + 1
    if pattern.causal:
        cuts += len(pattern.global_tokens) + len(pattern.sink_tokens)
    return cuts


def _of_classes(queries: int, classes: int, rows: int) -> int:
    longest = -(-queries // classes)
    return min(classes * -(-longest // rows), queries)


def _tiles(config: SaloConfig, pattern: Pattern) -> int:
    """Return an upper bound of the tiles of a head: each band of each block cut to segments."""
    array, blocks = config.array, _blocks(config, pattern)
    special = len(pattern.global_tokens) + len(pattern.sink_tokens)
    if pattern.blocks is not None:
        again = -(-pattern.blocks.query // array.rows) + (_cuts(pattern) > 0)
        listed = sum(map(len, pattern.blocks.rows)) * pattern.blocks.key * again
        tiles = -(-listed // array.cols) + blocks * (3 + array.rows // array.cols)
        tiles += blocks * (array.rows // pattern.blocks.key) * int(pattern.causal)
    elif pattern.grid is not None and pattern.window_2d is not None:
        (low_y, high_y), (low_x, high_x) = pattern.window_2d
        height, width = pattern.grid
        chunks = math.ceil(min(high_x - low_x + 1, 2 * width - 1) / array.segment_cols)  # per image row
        chunks *= min(high_y - low_y + 1, 2 * height - 1)
        if pattern.clamped:
            chunks += -(-array.rows // array.segment_cols)  # where all queries see the same keys
        tiles = -(-chunks // array.column_segments) * blocks
    else:
        tiles = sum(_passes(array, band, pattern) for band in bands_of(pattern))
    tiles += blocks * (special // array.cols)
    on_local_rows = max(0, len(pattern.global_tokens) - array.global_rows)
    whole = -(-(pattern.seq_len + array.rows) // array.cols)  # passes that stream the sequence
    together = 1 if pattern.causal else array.rows
    return max(1, tiles) + -(-on_local_rows // together) * whole + whole


def _passes(array: SaloArray, band: Band, pattern: Pattern) -> int:
    """Return an upper bound of the passes that a band takes over all queries."""
    keys = (band.high - band.low) // band.dilation + 1
    if pattern.chunks is not None:
        size, before, after, _ = pattern.chunks
        keys = min(keys, (before + 1 + after) * size // band.dilation + array.rows + 1)
    keys += array.rows if pattern.clamped else 0
    chunks = math.ceil(math.ceil(keys / array.segment_cols) / array.column_segments)
    classes = min(band.dilation, pattern.q_len)
    return chunks * (_of_classes(pattern.q_len, classes, array.rows) + classes * _cuts(pattern))

"""What follows from the size of the SALO array: banks, capacities, and the widths that hold a row's sums.

A preset states these for its own array. Where a setting changes the array or the number formats, the fields
of `AUTO` follow, unless they are set themselves: banks so that the keys of a band do not wait for one
another, scratchpads that hold as many keys, blocks and tiles as the preset's, widths that no row overflows.
For the preset's own array they are what the preset states (tests/run/test_command_auto.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import SaloNumerics, score_shift
from tandemsim.sim.arch.settings import with_settings

PADS = ("key_scratchpad", "value_scratchpad")
FROM_TRACE = ("array.head_dim",)  # follow from what runs: `sim.machines.salo.fitted`
AUTO = (
    *(f"{pad}.{field}" for pad in PADS for field in ("banks", "ports", "capacity_bytes")),
    *(f"{pad}_scratchpad.capacity_bytes" for pad in ("query", "global", "output")),
    *(f"numerics.{name}" for name in ("score.width", "row_sum.width", "renormalise_at")),
    *(f"numerics.deferred.{name}.width" for name in ("psum", "merge", "global_merge")),
)


def auto_settings(
    preset: SaloConfig, numerics: SaloNumerics, settings: Mapping[str, object]
) -> dict[str, int]:
    """Return the fields of `AUTO` that `settings` (whole dotted names) leave open and that must change.

    `numerics` are the formats that `settings` start from. Of settings that are wrong in themselves nothing
    follows: whoever puts them in place says what is wrong.
    """
    try:
        array = with_settings(preset.array, _section(settings, "array"))
        widths = _open(_widths(array, numerics, settings), settings)
        formats = with_settings(numerics, _section({**widths, **settings}, "numerics"))
        return widths | _open(_sizes(preset, array, formats, settings), settings)
    except ValueError:
        return {}


def _open(values: Iterator[tuple[str, int]], settings: Mapping[str, object]) -> dict[str, int]:
    return {name: value for name, value in values if name not in settings}


def _section(settings: Mapping[str, object], name: str) -> dict[str, object]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


def _widths(
    array: SaloArray, numerics: SaloNumerics, settings: Mapping[str, object]
) -> Iterator[tuple[str, int]]:
    """Widen what a row of the array, or a head of its size, would overflow."""
    terms = (array.cols + array.global_cols) * numerics.highest_weight / numerics.weight.scale
    of_row = math.floor(math.log2(terms)) + 1  # integer bits, so that 2**bits exceeds the sum
    of_input = numerics.input.integer_bits
    of_score = numerics.exp.exponent_width - 1 + score_shift(array.head_dim)
    score, row_sum, psum = numerics.score, numerics.row_sum, numerics.deferred.psum
    yield "numerics.score.width", max(score.width, of_score + score.fraction + 1)
    yield "numerics.row_sum.width", max(row_sum.width, of_row + row_sum.fraction + 1)
    renormalise_at = max(numerics.renormalise_at, of_row)
    yield "numerics.renormalise_at", renormalise_at
    renormalise_at = int(str(settings.get("numerics.renormalise_at", renormalise_at)))
    of_psum = math.floor(math.log2(terms * 2**of_input)) + 1
    yield "numerics.deferred.psum.width", max(psum.width, of_psum + psum.fraction + 1)
    for name in ("merge", "global_merge"):
        merge = getattr(numerics.deferred, name)
        width = renormalise_at + of_input + merge.fraction + 1
        yield f"numerics.deferred.{name}.width", max(merge.width, width)


def _banks(array: SaloArray, capacity_bytes: object) -> int:
    """Return banks for whole granules, at least those of a pass; they share out a capacity that is set."""
    granules = 1 << (-(-array.chained_slots // array.rows) - 1).bit_length()
    if capacity_bytes is None:
        return granules * array.rows
    capacity = int(str(capacity_bytes))
    for more in range(granules, 2 * granules + 1):
        if capacity % (more * array.rows) == 0:
            return more * array.rows
    return granules * array.rows  # which the capacity is then refused for: fewer would cost cycles unasked


def _sizes(
    preset: SaloConfig, array: SaloArray, numerics: SaloNumerics, settings: Mapping[str, object]
) -> Iterator[tuple[str, int]]:
    """Give the scratchpads the banks that a tile needs, and room for as much as the preset's have."""
    key_bytes = array.head_dim * numerics.element_bytes
    preset_key_bytes = preset.array.head_dim * preset.element_bytes
    for pad in PADS:
        own = getattr(preset, pad)
        banks = _banks(array, settings.get(f"{pad}.capacity_bytes"))
        yield f"{pad}.banks", banks
        banks = max(1, int(str(settings.get(f"{pad}.banks", banks))))
        yield f"{pad}.ports", array.column_segments
        # As many keys; as many granules where those are larger; four tiles at least.
        keys = own.capacity_bytes // preset_key_bytes
        keys = max(keys, keys // preset.array.rows * array.rows, 4 * array.chained_slots)
        unit = math.lcm(banks * key_bytes, array.rows * key_bytes)  # whole granules, and as much in each bank
        yield f"{pad}.capacity_bytes", -(-keys * key_bytes // unit) * unit
    blocks = preset.query_scratchpad.capacity_bytes // (preset.array.rows * preset_key_bytes)
    yield "query_scratchpad.capacity_bytes", blocks * array.rows * key_bytes
    shares = preset.global_scratchpad.capacity_bytes // (preset.array.cols * preset_key_bytes)
    yield "global_scratchpad.capacity_bytes", shares * array.cols * key_bytes
    output = array.rows * array.head_dim * numerics.output_bytes
    yield "output_scratchpad.capacity_bytes", preset.staging_tiles * output

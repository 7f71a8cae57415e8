"""Counters by name; levels over time by hand."""

from enum import IntEnum

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.engine.stats import Level, change, named, new_counters, new_levels, settle_all


class Counter(IntEnum):
    TILES_LOADED = 0
    BYTES_READ = 1


class Gap(IntEnum):
    FIRST = 0
    THIRD = 2


def test_counters_start_at_zero_and_are_read_by_name() -> None:
    counters = new_counters(Counter)
    assert counters.dtype == np.int64
    counters[Counter.BYTES_READ] += 64
    assert named(Counter, counters) == {"tiles_loaded": 0, "bytes_read": 64}


def test_names_that_leave_a_gap_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Gap must count 0, 1, 2, \.\.\., not \[0, 2\]"):
        new_counters(Gap)


def test_levels_add_level_times_cycles() -> None:
    levels = new_levels(2)
    for amount, cycle in [(2, 10), (3, 14), (-5, 20), (1, 30)]:
        change(levels, 1, amount, cycle)
    settle_all(levels, 33)
    # 2 for 4 cycles, 5 for 6, 0 for 10, 1 for 3
    assert named(Level, levels[1]) == {
        "now": 1,
        "changed": 33,
        "level_cycles": 41,
        "busy_cycles": 13,
        "peak": 5,
    }
    assert named(Level, levels[0]) == {
        "now": 0,
        "changed": 33,
        "level_cycles": 0,
        "busy_cycles": 0,
        "peak": 0,
    }


def test_levels_are_exact_beyond_the_precision_of_a_float() -> None:
    levels = new_levels(1)
    change(levels, 0, 1, 0)
    change(levels, 0, 0, 2**53 + 1)
    assert levels[0, Level.LEVEL_CYCLES] == 2**53 + 1

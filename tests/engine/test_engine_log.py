"""The event log."""

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.engine.log import columns, dropped, new_log, record


def test_records_are_columns_in_the_order_of_recording() -> None:
    log = new_log(3)
    record(log, 5, 1, 2, 77)
    record(log, 4, 0, 3)
    assert {name: column.tolist() for name, column in columns(log)._asdict().items()} == {
        "cycle": [5, 4],
        "kind": [1, 0],
        "who": [2, 3],
        "value": [77, 0],
    }
    assert {column.dtype for column in columns(log)} == {np.dtype(np.int64)}
    assert dropped(log) == 0


def test_a_full_log_keeps_the_first_records_and_counts_the_rest() -> None:
    log = new_log(2)
    for cycle in range(5):
        record(log, cycle, 0, 0)
    assert columns(log).cycle.tolist() == [0, 1]
    assert dropped(log) == 3


def test_a_log_is_off_unless_asked_for() -> None:
    log = new_log()
    record(log, 1, 2, 3)
    assert [len(column) for column in columns(log)] == [0, 0, 0, 0]
    assert log.records.nbytes == 0


def test_a_negative_capacity_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a non-negative integer, not -1"):
        new_log(-1)

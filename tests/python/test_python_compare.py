"""`tandemsim.compare`: a wrong argument is one line that says what is accepted, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tandemsim as ts
from tests.comparison.made import make_report

REPORTS = [make_report(), make_report(settings={"array.rows": 16})]


@pytest.mark.parametrize(
    "runs, message",
    [
        (None, "runs must be runs or reports, such as a list of them, not None"),
        (REPORTS[0], "runs must be runs or reports, such as a list of them, not <Report: "),
        ("ab", "what is compared must be runs or reports, not 'a'"),
    ],
)
def test_what_is_not_runs_is_a_type_error(runs: Any, message: str) -> None:
    with pytest.raises(TypeError) as found:
        ts.compare(runs)
    assert str(found.value).startswith(message)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([1, 2], "a label must be a string, not 1"),
        (["a", None], "a label must be a string, not None"),
        ("ab", "labels must be a list of strings, not 'ab'"),
        (b"ab", "labels must be a list of strings, not b'ab'"),
        ((label for label in "ab"), "labels must be a list of strings, not <generator "),
        (5, "labels must be a list of strings, not 5"),
    ],
)
def test_what_is_not_labels_is_a_type_error(labels: Any, message: str) -> None:
    with pytest.raises(TypeError) as found:
        ts.compare(REPORTS, labels)
    assert str(found.value).startswith(message)


def test_a_label_that_no_file_can_hold_is_refused_at_once() -> None:
    with pytest.raises(ts.UserError) as found:
        ts.compare(REPORTS, ["a", "\ud800"])
    message = r"a label must be text that UTF-8 can encode, without lone surrogates, not '\ud800'"
    assert str(found.value) == message


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((None, 0), "metric must be a string, not None"),
        ((["cycles"], 0), "metric must be a string, not ['cycles']"),
        (("cycles", None), "a run must be given by its place or its name, not None"),
        (("cycles", True), "a run must be given by its place or its name, not True"),
        (("cycles", 1, 0.0), "a run must be given by its place or its name, not 0.0"),
    ],
)
def test_a_ratio_of_what_is_neither_place_nor_name_is_a_type_error(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError) as found:
        ts.compare(REPORTS).ratio(*arguments)
    assert str(found.value) == message


def test_an_integer_of_numpy_is_a_place() -> None:
    compared = ts.compare(REPORTS)
    assert compared.ratio("cycles", np.int64(1)) == compared.ratio("cycles", 1)


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_a_folder_of_an_impossible_name_is_a_file_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ts.FileError, match="cannot write '.*': a file cannot have that name"):
        ts.compare(REPORTS).save(tmp_path / name)

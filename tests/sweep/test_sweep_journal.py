"""The journal: what a cut, a damaged byte, another study or a second sweep does to it."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.shell.files import FileError
from tandemsim.sim.sweep.journal import NAME, FolderError, Header, Journal
from tandemsim.sim.sweep.point_run import Outcome

HEADER = Header("tandem-sweep/1", "1.0", "c" * 32, "a" * 64, 9)
OUTCOMES = [
    Outcome(4, "ok", row={"cycles": 2**62, "energy_pj": 0.1 + 0.2, "area_mm2": None, "workload": "é\n"}),
    Outcome(0, "invalid", "a reason"),
    Outcome(2, "timed out", "slow", limit=0.5),
]


def write(folder: Path, outcomes: list[Outcome] = OUTCOMES) -> bytes:
    with Journal(folder, HEADER) as journal:
        for outcome in outcomes:
            journal.add(outcome)
    return (folder / NAME).read_bytes()


def read(folder: Path, header: Header = HEADER) -> list[Outcome]:
    with Journal(folder, header) as journal:
        return list(journal.read())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("journal"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("journal")


def test_what_was_added_is_read_back_exactly(fresh: Callable[[], Path]) -> None:
    folder = fresh()
    write(folder)
    assert read(folder) == OUTCOMES


@given(st.data())
def test_a_journal_cut_anywhere_has_all_whole_lines_and_goes_on(
    whole: bytes, fresh: Callable[[], Path], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(whole)))
    folder = fresh()
    (folder / NAME).write_bytes(whole[:cut])
    kept = max(0, whole[:cut].count(b"\n") - 1)
    more = Outcome(7, "ok")
    with Journal(folder, HEADER) as journal:
        assert list(journal.read()) == OUTCOMES[:kept]
        journal.add(more)
    assert read(folder) == [*OUTCOMES[:kept], more]


@given(st.data())
def test_a_damaged_byte_loses_its_line_alone(
    whole: bytes, fresh: Callable[[], Path], data: st.DataObject
) -> None:
    first = whole.index(b"\n") + 1
    place = data.draw(st.integers(first, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    folder = fresh()
    (folder / NAME).write_bytes(damaged)
    lost = whole[first:place].count(b"\n")
    found = read(folder)
    kept = [outcome for place, outcome in enumerate(OUTCOMES) if place != lost]
    # A line end that is gone makes one line of two.
    assert found in (kept, [o for p, o in enumerate(OUTCOMES) if p not in (lost, lost + 1)])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"study": "b" * 64}, "the results of another study"),
        ({"points": 8}, "the results of another study"),
        ({"version": "1.1"}, "results of tandemsim 1.0, not 1.1"),
        ({"code": "d" * 32}, "results of tandemsim 1.0 from before its code was edited"),
        ({"schema": "tandem-sweep/2"}, "results in the form 'tandem-sweep/1', not 'tandem-sweep/2'"),
    ],
)
def test_results_of_something_else_are_refused_and_left_alone(
    fresh: Callable[[], Path], changed: dict[str, Any], said: str
) -> None:
    folder = fresh()
    before = write(folder)
    with pytest.raises(FolderError) as refused:
        read(folder, msgspec.structs.replace(HEADER, **changed))
    assert str(refused.value) == f"{str(folder)!r} holds {said}; name another folder"
    assert (folder / NAME).read_bytes() == before


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b"\n", b"\xff\n\x00"])
def test_a_file_that_is_not_a_journal_is_refused_and_left_alone(
    fresh: Callable[[], Path], content: bytes
) -> None:
    folder = fresh()
    (folder / NAME).write_bytes(content)
    with pytest.raises(FolderError, match="that is not of a sweep"):
        read(folder)
    assert (folder / NAME).read_bytes() == content


def test_a_second_sweep_is_kept_out_until_the_first_has_ended(fresh: Callable[[], Path]) -> None:
    folder = fresh()
    write(folder)
    with Journal(folder, HEADER), pytest.raises(FolderError, match="another sweep is writing to"):
        read(folder)
    assert read(folder) == OUTCOMES


def test_a_journal_without_an_outcome_leaves_nothing(fresh: Callable[[], Path]) -> None:
    folder = fresh()
    assert read(folder) == []
    assert os.listdir(folder) == []


def test_a_journal_that_is_a_folder_is_one_message(fresh: Callable[[], Path]) -> None:
    folder = fresh()
    (folder / NAME).mkdir()
    with pytest.raises(FileError) as refused:
        read(folder)
    assert str(refused.value) == f"cannot write {str(folder / NAME)!r}: Is a directory"


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_full_disk_is_one_message_and_loses_no_outcome(
    fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    folder = fresh()
    write(folder)

    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def add(journal: Journal) -> None:
        journal.add(OUTCOMES[0])
        journal.sync()

    with Journal(folder, HEADER) as journal:
        monkeypatch.setattr(os, call, full)
        with pytest.raises(FileError) as refused:
            add(journal)
    monkeypatch.undo()
    assert str(refused.value) == f"cannot write {str(folder / NAME)!r}: No space left on device"
    assert read(folder)[: len(OUTCOMES)] == OUTCOMES


def test_a_journal_removed_while_it_was_opened_is_opened_anew(
    fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = fresh(), fcntl.flock

    def removed_first(handle: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        (folder / NAME).unlink()  # as a sweep without an outcome does when it ends
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    write(folder)
    assert read(folder) == OUTCOMES

"""Holds a circuit with streams to its model: on every stream the same words in the same cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tandemsim.rtl.testbench.run import Moved, Tables
from tandemsim.rtl.testbench.words import pack, unpack
from tandemsim.sim.arch.wires import Fields
from tests.cosim import harness


class Expected(NamedTuple):
    """What the model says of a run, and what the bench is to drive."""

    tables: dict[str, Fields]
    words: dict[str, list[tuple[int, int]]]  # stream -> (cycle, packed word)
    stimulus: dict[str, Any]


def expect(config: Any, tables: Tables, streams: Mapping[str, Moved], leaving: str) -> Expected:
    """Return what a circuit is to do. A reset breaks it off between the first two words of `leaving`."""
    fields = {stream: table(config) for stream, table in tables.items()}
    packed = {
        stream: [(cycle, pack(fields[stream], word)) for cycle, word in moved.words]
        for stream, moved in streams.items()
    }
    driven = {}
    for stream, moved in streams.items():
        words = {"words": [hex(word) for _, word in packed[stream]]} if moved.enters else {}
        driven[stream] = {"gaps": [int(gap) for gap in moved.gaps], "count": len(packed[stream]), **words}
    last = max(cycle for found in packed.values() for cycle, _ in found)
    limits = {"limit": last + 2 * harness.QUIET, "quiet": harness.QUIET, "clock_alone": 0}
    stimulus = {"streams": driven, **limits}
    if packed[leaving]:  # its room is then not free
        stimulus["broken_off"] = packed[leaving][0][0] + 1
    return Expected(fields, packed, stimulus)


def assert_seen(expected: Expected, seen: Mapping[str, Any]) -> None:
    """Hold what the bench saw to the model."""
    for stream, wanted in expected.words.items():
        found = [(cycle, int(word, 16)) for cycle, word in seen.get(stream, [])]
        if found != wanted:
            raise AssertionError(_first_difference(stream, expected.tables[stream], found, wanted))


def _first_difference(
    stream: str, fields: Fields, found: Sequence[tuple[int, int]], wanted: Sequence[tuple[int, int]]
) -> str:
    for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            return (
                f"{stream} {index}: circuit in cycle {one[0]} {unpack(fields, one[1])},"
                f" model in cycle {other[0]} {unpack(fields, other[1])}"
            )
    return f"{stream}: the circuit moved {len(found)} words, the model {len(wanted)}"

"""Messages between a sweep and the processes that run its points: four bytes of length, then MessagePack."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from tandemsim.sim.sweep.point_run import Outcome

LENGTH = 4  # bytes


class Setup(msgspec.Struct, frozen=True):
    """What a process needs once: the documents of the study's traces by workload, and its machines."""

    version: str  # of tandemsim
    code: str  # digest of its sources
    traces: dict[str, bytes]
    machines: list[str]


class Work(msgspec.Struct, frozen=True):
    """One point to run."""

    number: int
    point: dict[str, Any]


def packed(message: Any) -> bytes:
    """Return a message as bytes; integers and floats of numpy as those of Python."""
    return msgspec.msgpack.encode(message, enc_hook=_plain)


def framed(message: Any) -> bytes:
    """Return a message with its length before it."""
    data = packed(message)
    return len(data).to_bytes(LENGTH, "big") + data


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, float) else value.__index__()


SETUP = msgspec.msgpack.Decoder(Setup)
WORK = msgspec.msgpack.Decoder(Work)
OUTCOME = msgspec.msgpack.Decoder(Outcome)


class Incoming:
    """Messages from a pipe, whole ones alone: of one whose sender died on the way nothing is seen."""

    def __init__(self, handle: int) -> None:
        self.handle, self.ended = handle, False
        self._data = bytearray()

    def read(self) -> list[bytes]:
        """Return what has arrived since; waits if nothing has. Sets `ended` at the end of the pipe."""
        chunk = os.read(self.handle, 1 << 16)
        self.ended = not chunk
        self._data += chunk
        found = []
        while len(self._data) >= LENGTH:
            end = LENGTH + int.from_bytes(self._data[:LENGTH], "big")
            if len(self._data) < end:
                break
            found.append(bytes(self._data[LENGTH:end]))
            del self._data[:end]
        return found

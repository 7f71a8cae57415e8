"""Streams: lists of tokens in the order in which their keys pass the array.

Step 1 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.types import Tokens


class Streams:
    """Collects streams, equal ones once; a stream is known by its number."""

    def __init__(self) -> None:
        self._tokens: list[Tokens] = []
        self._starts = [0]
        self._numbers: dict[bytes, int] = {}

    def add(self, tokens: npt.ArrayLike) -> int:
        """Return the number of the stream of `tokens`."""
        stream = np.asarray(tokens, np.int32)
        number = self._numbers.setdefault(stream.tobytes(), len(self._tokens))
        if number == len(self._tokens):
            self._tokens.append(stream)
            self._starts.append(self._starts[-1] + len(stream))
        return number

    def __getitem__(self, number: int) -> Tokens:
        return self._tokens[number]

    def start(self, number: int) -> int:
        """Return where a stream begins among `tokens`; adding another moves no stream."""
        return self._starts[number]

    @property
    def tokens(self) -> Tokens:
        """All streams, one after the other."""
        return np.concatenate(self._tokens) if self._tokens else np.zeros(0, np.int32)

"""Sets of a model's file that are looped over in the same order in every process.

Some models of transformers make their constants in a loop over a set of names, whose order Python draws anew
for each process; their traces would have their tensors in another order each time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SortedSet(set[Any]):
    """A set that is looped over in the order of its items' texts."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=str))


@contextmanager
def steady_sets(architecture: type[Any]) -> Iterator[None]:
    """Let ``set`` be a `SortedSet` in the file of a class."""
    names = vars(sys.modules[architecture.__module__])
    names["set"] = SortedSet
    try:
        yield
    finally:
        del names["set"]

"""Records: the state of a kernel as named fields of int64, which numba takes as one pointer.

Sizes are fixed where a record is defined, so that a kernel is compiled once for all configs. ::

    STATE = make_record(tile=(), ended=(3,))
    state = np.zeros(1, STATE).view(np.recarray)  # in the kernel: state[0].tile += 1
"""

from __future__ import annotations

import numpy as np


def make_record(**columns: object) -> np.dtype[np.void]:
    """A record of int64: `name=()` is a number, `name=(n,)` an array, `name=(record, n)` one of records."""
    fields: list[tuple[object, ...]] = []
    for name, shape in columns.items():
        inner = isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], np.dtype)
        fields.append((name, shape[0], (shape[1],)) if inner else (name, np.int64, shape))  # type: ignore[index]
    return np.dtype(fields)

"""Types by one name each, for annotations all over `sim`; shapes are said where the arrays are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]  # counts, cycles, addresses, raw fixed-point values
Tokens: TypeAlias = npt.NDArray[np.int32]  # numbers of tokens, -1 = none; numbers of query blocks
Bools: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]  # small codes, such as parities
Half: TypeAlias = np.int16  # a raw value of an operand
Halves: TypeAlias = npt.NDArray[Half]
Floats: TypeAlias = npt.NDArray[np.floating]
Doubles: TypeAlias = npt.NDArray[np.float64]

# Structured arrays, the state of kernels. Type checkers do not see the fields of a record.
Records: TypeAlias = npt.NDArray[np.void]
Record: TypeAlias = Any

Progress: TypeAlias = Callable[[str, int, int], None]  # what is being done, steps done, steps in all

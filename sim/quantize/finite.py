"""What can be quantized: arrays of finite real numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.arch.types import Doubles


def as_doubles(name: str, values: npt.ArrayLike) -> Doubles:
    """Return an array as float64. Raises `ConfigError`, which names the tensor, for what has no error to
    minimize: no elements, other types than numbers, NaN, infinity.
    """
    given = np.asarray(values)
    what = f"tensor {shown(name)}"
    if given.dtype.kind not in "fiub":
        raise ConfigError(f"{what} must hold real numbers, not {given.dtype}")
    if not given.size:
        raise ConfigError(f"{what} must hold at least one element, not the shape {list(given.shape)}")
    doubles = given.astype(np.float64)
    bad = ~np.isfinite(doubles)
    if bad.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(bad))
        found = "NaN" if np.isnan(doubles[place]) else "infinity"
        count = int(bad.sum())
        more = f", the first of {count:,} elements that are not finite" if count > 1 else ""
        raise ConfigError(f"{what} must be finite, and holds {found} at {list(place)}{more}")
    return doubles

"""Numbers of lines: addresses without the bits inside a line, and few enough for 30 bits.

A process uses some regions of an address space of 47 bits. Each granule of 2**20 lines that it touches gets a
number, the low ones their own, and a line keeps its place within the granule: so it keeps its set.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.checks import ConfigError, require
from tandemsim.sim.arch.cpu.cache import MAX_SETS
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.cpu.cache.state import LINE_BITS

GRANULE_BITS = MAX_SETS.bit_length() - 1
GRANULES = 1 << (LINE_BITS - GRANULE_BITS)
OWN = GRANULES // 2  # granules below this have their own number


class LineNumbers:
    """The numbers of the lines of one address space; they stay as they are."""

    def __init__(self, line_bytes: int) -> None:
        self._shift = line_bytes.bit_length() - 1
        self._granules: dict[int, int] = {}

    def of(self, addresses: Integers) -> Integers:
        """Return the line [addresses] of each address. Raises `ConfigError` where one is negative or there
        are too many regions.
        """
        lines = addresses >> self._shift
        if not len(lines):
            return lines
        require(int(lines.min()) >= 0, "addresses must be non-negative", int(addresses.min()))
        if int(lines.max()) < OWN << GRANULE_BITS:
            return lines
        granules, places = np.unique(lines >> GRANULE_BITS, return_inverse=True)
        numbers = np.array([self._number(int(granule)) for granule in granules], np.int64)
        return (numbers[places] << GRANULE_BITS) | (lines & ((1 << GRANULE_BITS) - 1))

    def _number(self, granule: int) -> int:
        if granule < OWN:
            return granule
        number = self._granules.setdefault(granule, OWN + len(self._granules))
        if number >= GRANULES:
            size = 1 << (GRANULE_BITS + self._shift - 20)
            raise ConfigError(
                f"addresses must lie in at most {GRANULES - OWN} regions of {size} MiB above the first {OWN}"
            )
        return number

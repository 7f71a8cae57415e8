"""The points of a study by number, made when they are asked for: a million of them take no memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.sweep.draws import fraction
from tandemsim.sim.sweep.expressions import Constraint, Lookup
from tandemsim.sim.sweep.fields import Fields, MissingError
from tandemsim.sim.sweep.study import Study

Point = dict[str, object]  # key of the study -> value; a key that a row of the list lacks is not there

COMBINATIONS = "combinations"  # what progress counts
STEP = 256  # assumed: combinations between two reports of progress, a second of configs at most


class Space:
    """The points that the constraints leave, numbered from 0 in the order of the study."""

    def __init__(self, study: Study, fields: Fields, progress: Progress | None = None) -> None:
        """Raises `StudyError` where a constraint has no value, or no point is left.

        `progress` is told how many combinations the constraints have been asked about.
        """
        self.study = study
        self._numbers = array("q", self._kept(fields, progress)) if study.constraints else range(study.size)
        if not self._numbers:
            raise study.origin.error(f"the constraints leave no point of {study.size:,}", "constraints")

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Point:
        return combination(self.study, self._numbers[number])

    @property
    def excluded(self) -> int:
        """Combinations that a constraint excludes."""
        return self.study.size - len(self)

    @property
    def keys(self) -> list[str]:
        """The keys of all points, in the order of the study's sections."""
        return list(self.study.places)

    def _kept(self, fields: Fields, progress: Progress | None) -> Iterator[int]:
        constraints, size = self.study.constraints, self.study.size
        cheap = [constraint for constraint in constraints if constraint.names <= self.study.places.keys()]
        for number in range(size):
            if progress and number % STEP == 0:
                progress(COMBINATIONS, number, size)
            read = fields.lookup(combination(self.study, number))
            if not self._fails(cheap, read) and self._holds(read):
                yield number
        if progress:
            progress(COMBINATIONS, size, size)

    def _fails(self, cheap: Iterable[Constraint], read: Lookup) -> bool:
        """Whether a constraint that needs no config excludes a point: a config takes milliseconds."""
        for constraint in cheap:
            try:
                if not constraint.holds(read):
                    return True
            except (MissingError, ConfigError):
                pass  # which an earlier constraint may keep from being read
        return False

    def _holds(self, read: Lookup) -> bool:
        for place, constraint in enumerate(self.study.constraints):
            try:
                if not constraint.holds(read):
                    return False
            except MissingError:
                pass  # of a field that this machine does not have, or of a config that is not valid
            except ConfigError as error:
                raise self.study.origin.error(str(error), "constraints", place) from None
        return True


def combination(study: Study, number: int) -> Point:
    """Return one combination: rows of the list change slowest, the last key of the grid changes fastest."""
    inner = math.prod(map(len, study.grid.values()))
    outer, place = divmod(number, inner)
    row, sample = divmod(outer, max(1, study.samples))
    point: Point = {key: cell.value for key, cell in study.rows[row].items()} if study.rows else {}
    for key, draw in study.random.items():
        point[key] = draw.at(fraction(study.seed, sample, key))
    for key, values in study.grid.items():
        inner //= len(values)
        which, place = divmod(place, inner)
        point[key] = values[which]
    return point

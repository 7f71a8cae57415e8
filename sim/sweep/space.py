"""The points of a study by number, made when they are asked for: a million of them take no memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.sweep.draws import fraction
from tandemsim.sim.sweep.fields import Fields, MissingError
from tandemsim.sim.sweep.study import Study

Point = dict[str, object]  # key of the study -> value; a key that a row of the list lacks is not there


class Space:
    """The points that the constraints leave, numbered from 0 in the order of the study."""

    def __init__(self, study: Study, fields: Fields) -> None:
        """Raises `StudyError` where a constraint has no value, or no point is left."""
        self.study = study
        self._numbers = array("q", self._kept(fields)) if study.constraints else range(study.size)
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

    def _kept(self, fields: Fields) -> Iterator[int]:
        origin = self.study.origin
        for number in range(self.study.size):
            point = combination(self.study, number)
            read = fields.lookup(point)
            for place, constraint in enumerate(self.study.constraints):
                try:
                    if not constraint.holds(read):
                        break
                except MissingError:
                    pass  # of a field that this machine does not have, or of a config that is not valid
                except ConfigError as error:
                    raise origin.error(str(error), "constraints", place) from None
            else:
                yield number


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

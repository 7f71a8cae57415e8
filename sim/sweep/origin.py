"""Where a study comes from: messages about it name its file and the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.sweep.toml_lines import Path as Place


class StudyError(ConfigError):
    """What is wrong in a study: its file and the line come first."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a study comes from, so that messages name the line."""

    file: str = "the study"
    folder: Path = field(default_factory=Path)  # that names of trace files are relative to
    lines: Mapping[Place, int] = field(default_factory=dict)

    @contextmanager
    def of(self, *place: str | int) -> Iterator[None]:
        """Have a `ConfigError` of the block say the line of `place`, or of what that lies in."""
        try:
            yield
        except StudyError:
            raise
        except ConfigError as error:
            raise self.error(str(error), *place) from None

    def error(self, message: str, *place: str | int) -> StudyError:
        """Return the error of what stands at `place`."""
        known = [place[:end] for end in range(len(place), 0, -1) if place[:end] in self.lines]
        where = f"{self.file}, line {self.lines[known[0]]}" if known else self.file
        return StudyError(f"{where}: {message}")

"""A study: which points a sweep runs, as people write it in TOML. docs/sweep.md describes the file."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest, shown_path
from tandemsim.sim.sweep import sections
from tandemsim.sim.sweep.draws import Draw
from tandemsim.sim.sweep.expressions import Constraint
from tandemsim.sim.sweep.origin import Origin, StudyError
from tandemsim.sim.sweep.sections import Cell
from tandemsim.sim.sweep.toml_lines import Path as Place
from tandemsim.sim.sweep.toml_lines import lines_of

MAX_POINTS = 1_000_000  # assumed: a table of some 100 MB; more is a search, not a sweep
MAX_FILE_BYTES = 2**23  # assumed: a list of 100,000 points
WORDS = ("name", "grid", "list", "random", "samples", "seed", "constraints", "pareto", "cluster")
NOT_OF_RESULTS = ("name", "pareto", "cluster")  # words that no point depends on


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The points: every combination of one row of `rows`, one sample and one value of each key of `grid`."""

    name: str
    grid: Mapping[str, tuple[object, ...]]
    rows: tuple[Mapping[str, Cell], ...]
    random: Mapping[str, Draw]
    samples: int
    seed: int
    constraints: tuple[Constraint, ...]
    pareto: tuple[str, ...]
    cluster: Mapping[str, Any]
    document: Mapping[str, Any]  # as it was read
    origin: Origin
    places: Mapping[str, Place]  # of each key, where it first stands

    @property
    def size(self) -> int:
        """Combinations, those included that a constraint excludes."""
        return max(1, len(self.rows)) * max(1, self.samples) * math.prod(map(len, self.grid.values()))

    def digest(self, traces: Mapping[str, str]) -> str:
        """Return the SHA-256 of what the points follow from; `traces` are digests of the workloads."""
        about = {key: value for key, value in self.document.items() if key not in NOT_OF_RESULTS}
        # Unsorted: the order of keys is that of points.
        text = json.dumps([about, traces], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def read_study(given: Study | str | os.PathLike[str] | Mapping[str, Any]) -> Study:
    """Return the study in a TOML file, or in a mapping of the same form. Raises `StudyError`."""
    if isinstance(given, Study):
        return given
    if isinstance(given, Mapping):
        return _study(_plain(given), Origin(), "study")
    path = Path(given)
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{shown_path(path)} is not TOML: {error}") from None
    origin = Origin(shown_path(path), path.parent, lines_of(text))
    return _study(document, origin, path.name.removesuffix(".toml"))


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise StudyError(
                f"there is no study {shown_path(path)!r}"
                if not path.exists()
                else f"a study must be a regular file, not {shown_path(path)!r}"
            )
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StudyError(
                f"a study must be a file of at most {MAX_FILE_BYTES >> 20} MiB, not {shown_path(path)!r}"
            )
        return path.read_bytes().decode()
    except OSError as error:
        raise StudyError(f"cannot read the study {shown_path(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{shown_path(path)} is not text in UTF-8: {error}") from None


def _plain(value: Any) -> Any:
    """A mapping from Python as TOML would have it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # an array or a number of numpy
        return _plain(value.tolist())
    return str(value) if isinstance(value, os.PathLike) else value


def _study(document: Mapping[str, Any], origin: Origin, name: str) -> Study:
    for word in document:
        with origin.of(word):
            if word not in WORDS:
                raise ConfigError(nearest("section of a study", word, WORDS))
    places: dict[str, Place] = {}
    rows = sections.rows(document, origin, places)
    random = sections.random(document, origin, places)
    grid = sections.grid(document, origin, places)
    with origin.of("samples"):
        samples = sections.integer(document, "samples", 1)
        if samples and not random:
            raise ConfigError("samples says how often [random] is drawn, and there is no [random]")
    if random and not samples:
        raise origin.error("[random] must have samples, which says how often it is drawn", "random")
    with origin.of("seed"):
        seed = sections.integer(document, "seed", 0)
    study = Study(
        name=sections.name(document, origin, name),
        grid=grid,
        rows=rows,
        random=random,
        samples=samples,
        seed=seed,
        constraints=tuple(sections.constraints(document, origin)),
        pareto=sections.pareto(document, origin),
        cluster=sections.cluster(document, origin),
        document=document,
        origin=origin,
        places=places,
    )
    if not places:
        raise origin.error("a study must have points: [grid], [[list]] or [random]")
    if study.size > MAX_POINTS:
        raise origin.error(f"a study must have at most {MAX_POINTS:,} points, not {study.size:,}")
    return study

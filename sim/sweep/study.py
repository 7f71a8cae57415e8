"""A study: which points a sweep runs, as people write it in TOML. docs/sweep.md describes the file."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest, require, shown_path
from tandemsim.sim.sweep.draws import Draw, draw_of
from tandemsim.sim.sweep.expressions import Constraint, constraint
from tandemsim.sim.sweep.toml_lines import Path as Place
from tandemsim.sim.sweep.toml_lines import lines_of

MAX_POINTS = 1_000_000  # assumed: a table of some 100 MB; more is a search, not a sweep
MAX_FILE_BYTES = 2**23  # assumed: a list of 100,000 points
OBJECTIVES = {
    "cycles": "cycles",
    "time": "seconds",
    "energy": "energy_pj",
    "area": "area_mm2",
    "bytes": "dram_bytes",
}
WORDS = ("name", "grid", "list", "random", "samples", "seed", "constraints", "pareto", "cluster")
CLUSTER_WORDS = ("jobs", "cores", "memory", "walltime", "queue", "account")
DEFAULT_PARETO = ("cycles", "energy", "area")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The points: every combination of one row of `rows`, one sample and one value of each key of `grid`."""

    name: str
    grid: Mapping[str, tuple[object, ...]]
    rows: tuple[Mapping[str, object], ...]
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
        """Return the SHA-256 of what the results follow from; `traces` are digests of the workloads."""
        about = {key: value for key, value in self.document.items() if key not in ("cluster", "name")}
        text = json.dumps(
            [about, traces], separators=(",", ":")
        )  # unsorted: the order of keys is that of points
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
    except ValueError as error:
        raise StudyError(f"{shown_path(path)} is not text in UTF-8: {error}") from None


def _plain(value: Any) -> Any:
    """A mapping from Python as TOML would have it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def _study(document: Mapping[str, Any], origin: Origin, name: str) -> Study:
    for word in document:
        with origin.of(word):
            if word not in WORDS:
                raise ConfigError(nearest("section of a study", word, WORDS))
    places: dict[str, Place] = {}
    rows = _rows(document, origin, places)
    random = _random(document, origin, places)
    grid = _grid(document, origin, places)
    with origin.of("samples"):
        samples = _integer(document, "samples", 1)
        require(
            bool(random) == (samples > 0),
            "samples and [random] go together; samples must be given for it",
            document.get("samples"),
        )
    with origin.of("seed"):
        seed = _integer(document, "seed", 0)
    study = Study(
        name=_name(document, origin, name),
        grid=grid,
        rows=rows,
        random=random,
        samples=samples,
        seed=seed,
        constraints=tuple(_constraints(document, origin)),
        pareto=_pareto(document, origin),
        cluster=_cluster(document, origin),
        document=document,
        origin=origin,
        places=places,
    )
    if not places:
        raise origin.error("a study must have points: [grid], [[list]] or [random]")
    if study.size > MAX_POINTS:
        raise origin.error(f"a study must have at most {MAX_POINTS:,} points, not {study.size:,}")
    return study


def _grid(
    document: Mapping[str, Any], origin: Origin, places: dict[str, Place]
) -> dict[str, tuple[object, ...]]:
    grid = {}
    for key, given, place in _keys(document, origin, places, "grid"):
        with origin.of(*place):
            values = given if isinstance(given, list) else [given]
            require(len(values) > 0, f"grid.{key} must have values", given)
            for number, value in enumerate(values):
                _check_value(key, value, origin, (*place, number) if isinstance(given, list) else place)
            grid[key] = tuple(values)
    return grid


def _rows(
    document: Mapping[str, Any], origin: Origin, places: dict[str, Place]
) -> tuple[dict[str, object], ...]:
    given = document.get("list", [])
    with origin.of("list"):
        tables = isinstance(given, list) and all(isinstance(row, dict) for row in given)
        require(tables, "list must be tables, each begun by [[list]]", given)
    rows = []
    for number, table in enumerate(given):
        row = {}
        for key, value, place in _flat(table, ("list", number), origin, ()):
            _check_value(key, value, origin, place)
            row[key] = value
            places.setdefault(key, place)
        if not row:
            raise origin.error("a table of list must have keys", "list", number)
        rows.append(row)
    return tuple(rows)


def _random(document: Mapping[str, Any], origin: Origin, places: dict[str, Place]) -> dict[str, Draw]:
    draws = {}
    for key, given, place in _keys(document, origin, places, "random"):
        with origin.of(*place):
            draws[key] = draw_of(key, given)
            for number, value in enumerate(given if isinstance(given, list) else ()):
                _check_value(key, value, origin, (*place, number))
    return draws


def _keys(
    document: Mapping[str, Any], origin: Origin, places: dict[str, Place], section: str
) -> Iterator[tuple[str, Any, Place]]:
    """Yield the keys of one section by their dotted names; refuse those of another section."""
    table = document.get(section, {})
    with origin.of(section):
        require(isinstance(table, dict), f"{section} must be a table", table)
    leaves = ("low", "high", "step", "log") if section == "random" else ()
    for key, value, place in _flat(table, (section,), origin, leaves):
        if key in places:
            raise origin.error(
                f"{key} stands in {places[key][0]} and in {section}; set it in one of them", *place
            )
        places[key] = place
        yield key, value, place


def _flat(
    table: Mapping[str, Any], place: Place, origin: Origin, leaves: tuple[str, ...], prefix: str = ""
) -> Iterator[tuple[str, Any, Place]]:
    """Yield (dotted key, value, place). A table with one of the words `leaves` is a value."""
    for name, value in table.items():
        here = (*place, name)
        if not name.strip():
            raise origin.error("a key must have a name", *here)
        if isinstance(value, dict) and not any(word in value for word in leaves):
            if not value or len(here) > 16:
                raise origin.error(f"{prefix}{name} must have a value", *here)
            yield from _flat(value, here, origin, leaves, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, here


def _check_value(key: str, value: object, origin: Origin, place: Place) -> None:
    with origin.of(*place):
        items = value if isinstance(value, list) else [value]
        for item in items:
            require(
                isinstance(item, (str, int, float)), f"{key} must be a text, a number, true or false", item
            )
            fits = not isinstance(item, int) or abs(item) < 2**63
            require(fits and item == item, f"{key} must be a number of 64 bits", item)


def _integer(document: Mapping[str, Any], word: str, minimum: int) -> int:
    value = document.get(word, 0)
    good = isinstance(value, int) and not isinstance(value, bool) and minimum <= value < 2**63
    require(good or word not in document, f"{word} must be an integer of at least {minimum}", value)
    return int(value)


def _name(document: Mapping[str, Any], origin: Origin, name: str) -> str:
    given = document.get("name", name)
    with origin.of("name"):
        require(isinstance(given, str) and given.strip() != "", "name must be a text", given)
    return str(given)


def _constraints(document: Mapping[str, Any], origin: Origin) -> Iterator[Constraint]:
    given = document.get("constraints", [])
    with origin.of("constraints"):
        require(isinstance(given, list), "constraints must be a list of texts", given)
    for number, text in enumerate(given):
        with origin.of("constraints", number):
            require(isinstance(text, str), "a constraint must be a text", text)
            yield constraint(text)


def _pareto(document: Mapping[str, Any], origin: Origin) -> tuple[str, ...]:
    given = document.get("pareto", list(DEFAULT_PARETO))
    with origin.of("pareto"):
        rule = f"pareto must be two or three of {', '.join(OBJECTIVES)}"
        require(
            isinstance(given, list) and 2 <= len(given) <= 3 and len(set(map(str, given))) == len(given),
            rule,
            given,
        )
        for number, word in enumerate(given):
            if word not in OBJECTIVES:
                raise origin.error(nearest("objective", str(word), OBJECTIVES), "pareto", number)
    return tuple(given)


def _cluster(document: Mapping[str, Any], origin: Origin) -> Mapping[str, Any]:
    given = document.get("cluster", {})
    with origin.of("cluster"):
        require(isinstance(given, dict), "cluster must be a table", given)
    for word, value in given.items():
        with origin.of("cluster", word):
            if word not in CLUSTER_WORDS:
                raise ConfigError(nearest("word of cluster", word, CLUSTER_WORDS))
            whole = word in ("jobs", "cores")
            good = (
                (isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 10_000)
                if whole
                else isinstance(value, str)
            )
            require(
                good,
                f"cluster.{word} must be {'a positive integer up to 10,000' if whole else 'a text'}",
                value,
            )
    return dict(given)

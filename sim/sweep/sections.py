"""The sections of a study, one function each: from what TOML holds to what a `Study` has.

Each raises `StudyError` with the line of what is wrong. `places` collects where the keys of the points stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.sweep.draws import WORDS as DRAW_WORDS
from tandemsim.sim.sweep.draws import Draw, draw_of
from tandemsim.sim.sweep.expressions import Constraint, constraint
from tandemsim.sim.sweep.origin import Origin
from tandemsim.sim.sweep.toml_lines import Path as Place

# What a Pareto front is of -> the column of the table; the less the better.
OBJECTIVES = {
    "cycles": "cycles",
    "time": "seconds",
    "energy": "energy_pj",
    "area": "area_estimate_mm2",  # on one basis for all configurations
    "bytes": "dram_bytes",
}
DEFAULT_PARETO = ("cycles", "energy", "area")
CLUSTER_WORDS = ("jobs", "cores", "memory", "walltime", "queue", "account")
DEEPEST = 16  # tables in tables; assumed: a config has 4


class Cell(NamedTuple):
    """A value of a row of the list, and where it stands."""

    value: object
    place: Place


def grid(
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


def rows(
    document: Mapping[str, Any], origin: Origin, places: dict[str, Place]
) -> tuple[dict[str, Cell], ...]:
    """Return the tables of ``[[list]]``."""
    given = document.get("list", [])
    with origin.of("list"):
        tables = isinstance(given, list) and all(isinstance(row, dict) for row in given)
        require(tables, "list must be tables, each begun by [[list]]", given)
    rows = []
    for number, table in enumerate(given):
        row = {}
        for key, value, place in _flat(table, ("list", number), origin, ()):
            if key in row:
                raise origin.error(f"{key} stands twice in one table of list", *place)
            _check_value(key, value, origin, place)
            row[key] = Cell(value, place)
            places.setdefault(key, place)
        if not row:
            raise origin.error("a table of list must have keys", "list", number)
        rows.append(row)
    return tuple(rows)


def random(document: Mapping[str, Any], origin: Origin, places: dict[str, Place]) -> dict[str, Draw]:
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
    leaves = DRAW_WORDS if section == "random" else ()
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
            if not value or len(here) > DEEPEST:
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


def integer(document: Mapping[str, Any], word: str, minimum: int) -> int:
    value = document.get(word, 0)
    good = isinstance(value, int) and not isinstance(value, bool) and minimum <= value < 2**63
    require(good or word not in document, f"{word} must be an integer of at least {minimum}", value)
    return int(value)


def name(document: Mapping[str, Any], origin: Origin, name: str) -> str:
    given = document.get("name", name)
    with origin.of("name"):
        require(isinstance(given, str) and given.strip() != "", "name must be a text", given)
    return str(given)


def constraints(document: Mapping[str, Any], origin: Origin) -> Iterator[Constraint]:
    given = document.get("constraints", [])
    with origin.of("constraints"):
        require(isinstance(given, list), "constraints must be a list of texts", given)
    for number, text in enumerate(given):
        with origin.of("constraints", number):
            require(isinstance(text, str), "a constraint must be a text", text)
            yield constraint(text)


def pareto(document: Mapping[str, Any], origin: Origin) -> tuple[str, ...]:
    given = document.get("pareto", list(DEFAULT_PARETO))
    with origin.of("pareto"):
        rule = f"pareto must be two or three of {', '.join(OBJECTIVES)}"
        require(
            isinstance(given, list) and 2 <= len(given) <= 3 and len(set(map(str, given))) == len(given),
            rule,
            given,
        )
        for number, word in enumerate(given):
            if not isinstance(word, str) or word not in OBJECTIVES:
                raise origin.error(nearest("objective", str(word), OBJECTIVES), "pareto", number)
    return tuple(given)


def cluster(document: Mapping[str, Any], origin: Origin) -> Mapping[str, Any]:
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

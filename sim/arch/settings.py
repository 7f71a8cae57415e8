"""Settings: config fields by their dotted names, as ``--set`` takes them, and configs with them in place.

A setting's value is a string (from the command line) or already typed (from TOML or JSON). All that is wrong
is reported at once, by the keys of the settings, whatever class a rule belongs to.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import re
import types
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, TypeVar

from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, require, shown, to_dict

Config = TypeVar("Config")

LISTED_BY = "`tandem list fields`"
# What people look for among the fields, and is said beside them.
RUN_OPTIONS = ("machine", "preset", "only", "batch", "bits", "functional", "seed", "explain")
FIRST_FIELDS = 3  # of a section, that the message to one who sets the section names


def with_settings(
    config: Config, settings: Mapping[str, object], short: Mapping[str, str] | None = None
) -> Config:
    """Return a copy of `config` with dotted fields replaced: ``{"array.rows": "16"}``.

    `short` maps a short name to the dotted field that it stands for. Raises `ConfigError` for keys that do
    not exist (naming the nearest) or are given twice, and for values of the wrong type or against a rule.

    Fields may check one another, so all changes of one dataclass are applied together.
    """
    short = short or {}
    tree: dict[str, Any] = {}
    keys: dict[str, str] = {}
    with Rules() as rules:
        for key, value in settings.items():
            name = short.get(key, key)
            with rules.apart():
                _check_field(config, key, name.split("."), short)
                if name in keys:
                    raise ConfigError(f"{keys[name]} and {key} are one field; set only one of them")
                keys[name] = key
                *path, last = name.split(".")
                node = tree
                for part in path:
                    node = node.setdefault(part, {})
                node[last] = (key, value)
        if tree:
            with rules.apart():
                return typing.cast(Config, _replaced(config, tree, ""))
    return config


@contextmanager
def keys_named(config: Any, prefix: str = "") -> Iterator[None]:
    """Make each `ConfigError` of the block name keys of `config` (``key_scratchpad.banks``), not classes."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(*(_by_key(message, config, prefix) for message in error.messages)) from error


def canonical_settings(
    config: Any, settings: Mapping[str, object], short: Mapping[str, str]
) -> dict[str, Any]:
    """Return `settings` by whole field names, sorted, with the values that `config` has for them.

    A setting that is not a field of `config` (a whole section was put in place) keeps its name and value.
    """
    plain, canonical = to_dict(config), {}
    for key, value in settings.items():
        name, node = short.get(key, key), plain
        for part in name.split("."):
            node = node.get(part, value) if isinstance(node, dict) else value
        canonical[name] = node if not isinstance(node, dict) else value
    return dict(sorted(canonical.items()))


def fields_of(config: Any, prefix: str = "") -> Iterator[tuple[str, object, Any]]:
    """Yield (dotted name, value, declared type) of every field that can be set."""
    hints = _hints(config.__class__)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields_of(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value, hints[field.name]


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields. Evaluating them anew each time took a third of a config's time."""
    return typing.get_type_hints(kind)


def _check_field(config: Any, key: str, path: list[str], short: Mapping[str, str]) -> None:
    """Check that the dotted `path` leads to a field that is a value, and not a whole section."""
    node = config
    for part in path:
        names = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
        if part not in names:
            if key in RUN_OPTIONS:
                rule = f"{key!r} is not a config key but an option of a run"
                raise ConfigError(f"{rule}: --{key} ({key}= in Python)")
            known = [*short, *(name for name, _, _ in fields_of(config))]
            raise ConfigError(nearest("config key", key, known, LISTED_BY))
        node = getattr(node, part)
    if dataclasses.is_dataclass(node):
        inside = [name for name, _, _ in fields_of(node, f"{key}.")]
        more = f", ... ({LISTED_BY} lists them)" if len(inside) > FIRST_FIELDS else ""
        raise ConfigError(
            f"config key {key!r} is a section; set one of {', '.join(inside[:FIRST_FIELDS])}{more}"
        )


def _replaced(config: Any, tree: Mapping[str, Any], prefix: str) -> Any:
    hints = _hints(config.__class__)
    changes = {}
    with Rules() as rules:
        for name, change in tree.items():
            with rules.apart():
                if isinstance(change, dict):
                    changes[name] = _replaced(getattr(config, name), change, f"{prefix}{name}.")
                else:
                    key, value = change
                    changes[name] = _parsed(key, value, hints[name])
        if not rules.broken:  # or its rules would speak of values that nobody gave
            with rules.apart(), keys_named(config, prefix):
                return dataclasses.replace(config, **changes)


def _by_key(message: str, config: Any, prefix: str) -> str:
    """Return a message that names its fields by their keys instead of their classes."""
    sections = {"": config} | dict(_sections(config, ""))
    classes = Counter(type(section).__name__ for section in sections.values())
    keys = {type(section).__name__: path for path, section in sections.items() if path}
    keys = {name: path for name, path in keys.items() if classes[name] == 1} | {type(config).__name__: ""}

    def key(found: re.Match[str]) -> str:
        path = prefix + keys[found[1]]
        return path if found[2] else path.removesuffix(".") or "the config"

    return re.sub(rf"\b({'|'.join(keys)})\b(\.)?", key, message)


def _sections(config: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(config):
        section = getattr(config, field.name)
        if dataclasses.is_dataclass(section):
            yield f"{prefix}{field.name}.", section
            yield from _sections(section, f"{prefix}{field.name}.")


def _parsed(key: str, value: object, kind: Any) -> object:
    """Convert `value` to the field's declared type; a string is parsed, anything else must fit."""
    if isinstance(kind, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        kind = next(k for k in kind.__args__ if k is not type(None))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            known = [str(member.value) for member in kind]
            raise ConfigError(nearest(f"value of {key}", str(value), known)) from None
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        items = value.split(",") if isinstance(value, str) else value
        require(isinstance(items, (list, tuple)), f"{key} must be a list", value)
        return tuple(_parsed(key, part, item) for part in typing.cast(Iterable[object], items))
    if kind is bool:
        words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        found = value if isinstance(value, bool) else words.get(str(value).lower())
        require(found is not None, f"{key} must be true or false", value)
        return found
    if kind in (int, float):
        return _number(key, value, kind)
    return str(value)


def _number(key: str, value: Any, kind: type) -> object:
    rule = f"{key} must be {'an integer' if kind is int else 'a finite number'}"
    # Of numpy's scalars too, which loops over arrays yield.
    fits = isinstance(value, (str, Integral)) or (kind is float and isinstance(value, Real))
    # Python itself would take digits of any script, and blanks around them.
    plain = not isinstance(value, str) or (value.isascii() and not re.search(r"\s", value))
    require(fits and plain and not isinstance(value, bool), rule, value)
    try:
        parsed = int(value, 0) if kind is int and isinstance(value, str) else kind(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{rule}, not {shown(value)}") from None
    require(kind is int or math.isfinite(parsed), rule, value)
    return parsed

"""Validation of configs, the nearest-name message, and the parsing of ``--set`` and TOML: written once, here.

Every message has one shape, the rule first and the value last:
``SaloArray.rows must be a positive integer, not 0``.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import hashlib
import json
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Config = TypeVar("Config")

MAX_INTEGER = 2**31 - 1  # assumed: sums and products of two of them stay exact in the int64 of the kernels
LONGEST_VALUE = 80  # characters of a value that a message repeats


class UserError(Exception):
    """A mistake in what the user gave. The command line prints it as one line and exits with code 2."""


class ConfigError(UserError, ValueError):
    """A config value that breaks a rule, or a config key that does not exist."""


def require(holds: bool, rule: str, value: object) -> None:
    """Raise `ConfigError` with ``<rule>, not <value>`` unless `holds`."""
    if not holds:
        raise ConfigError(f"{rule}, not {_shown(value)}")


def require_integers(config: Any, minimum: int, *fields: str, maximum: int = MAX_INTEGER) -> None:
    """Check that each named field of `config` is an int (a bool is none) in `minimum`..`maximum`."""
    kind = {0: "a non-negative integer", 1: "a positive integer"}.get(minimum, f"an integer >= {minimum}")
    for field in fields:
        name, value = f"{type(config).__name__}.{field}", getattr(config, field)
        good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
        require(good, f"{name} must be {kind}", value)
        require(value <= maximum, f"{name} must be at most {maximum}", value)


def nearest(what: str, name: str, choices: Iterable[str]) -> str:
    """Return the message for an unknown `name`: the nearest valid ones, or all of them when none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"unknown {what} {name!r}; did you mean {_either(near)}?"
    return f"unknown {what} {name!r}; known: {', '.join(known)}"


def to_dict(config: Any) -> Any:
    """Return `config` (nested dataclasses, enums, tuples) as plain JSON values, in field order."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, enum.Enum):
        return config.value
    if isinstance(config, (tuple, list)):
        return [to_dict(item) for item in config]
    return config


def digest(config: Any) -> str:
    """Return the SHA-256 of the config's canonical JSON."""
    text = json.dumps(to_dict(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def with_settings(
    config: Config, settings: Mapping[str, object], short: Mapping[str, str] | None = None
) -> Config:
    """Return a copy of `config` with dotted fields replaced: ``{"array.rows": "16"}``.

    Values may be strings (from the command line) or already typed (from TOML). `short` maps a short name to
    the dotted field that it stands for. Raises `ConfigError` for a key that does not exist (naming the
    nearest one) or a value of the wrong type.

    Fields may check one another, so all changes of one dataclass are applied together.
    """
    short = short or {}
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        path = short.get(key, key).split(".")
        _field_type(config, key, path, short)
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = (key, value)
    return typing.cast(Config, _replaced(config, tree))


def canonical_settings(
    config: Any, settings: Mapping[str, object], short: Mapping[str, str]
) -> dict[str, Any]:
    """Return `settings` by whole field names, sorted, with the values that `config` has for them.

    What names no field of `config`, a section that was put in place, keeps its name and value.
    """
    plain, found = to_dict(config), {}
    for key, value in settings.items():
        name, node = short.get(key, key), plain
        for part in name.split("."):
            node = node.get(part, value) if isinstance(node, dict) else value
        found[name] = node if not isinstance(node, dict) else value
    return dict(sorted(found.items()))


def settings_from_arguments(arguments: Iterable[str]) -> dict[str, str]:
    """Parse ``key=value`` words, as ``--set`` takes them."""
    settings = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not (equals and key.strip()):
            raise ConfigError(f"--set takes key=value, not {argument!r}")
        settings[key.strip()] = value.strip()
    return settings


def settings_from_toml(path: Path) -> dict[str, object]:
    """Read a TOML file into dotted settings: ``[array]`` / ``rows = 16`` becomes ``array.rows``."""
    try:
        tables = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return dict(_dotted(tables, ""))


def _dotted(table: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _field_type(config: Any, key: str, path: list[str], short: Mapping[str, str]) -> None:
    """Check that the dotted `path` leads to a field that is a value, and not a whole section."""
    node = config
    for part in path:
        names = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
        if part not in names:
            raise ConfigError(nearest("config key", key, [*short, *_leaf_names(config)]))
        node = getattr(node, part)
    if dataclasses.is_dataclass(node):
        raise ConfigError(
            f"config key {key!r} is a section; set one of {', '.join(_leaf_names(node, key + '.'))}"
        )


def _leaf_names(config: Any, prefix: str = "") -> list[str]:
    names = []
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            names += _leaf_names(value, f"{prefix}{f.name}.")
        else:
            names.append(prefix + f.name)
    return names


def _replaced(config: Any, tree: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(type(config))
    changes = {}
    for name, change in tree.items():
        if isinstance(change, dict):
            changes[name] = _replaced(getattr(config, name), change)
        else:
            key, value = change
            changes[name] = _parsed(key, value, hints[name])
    return dataclasses.replace(config, **changes)


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
            raise ConfigError(
                nearest(f"value of {key}", str(value), [str(member.value) for member in kind])
            ) from None
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
    fits = isinstance(value, (str, int)) or (kind is float and isinstance(value, float))
    require(fits and not isinstance(value, bool), rule, value)
    try:
        parsed = int(value.replace("_", ""), 0) if kind is int and isinstance(value, str) else kind(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{rule}, not {_shown(value)}") from None
    require(kind is int or math.isfinite(parsed), rule, value)
    return parsed


def _either(names: list[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def _shown(value: object) -> str:
    try:
        text = str(value.value) if isinstance(value, enum.Enum) else repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        text = "a huge number"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."

"""Settings as people give them: words of ``--set``, a TOML file, a report; and a config as TOML."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, shown, shown_path, to_dict
from tandemsim.sim.arch.family import Family

MAX_FILE_BYTES = 2**20  # assumed: 100 times a complete config
MAX_REPORT_BYTES = 2**23  # assumed: a report of 3,000 ops; of the costliest JSON so much takes 350 MiB
MAX_DEPTH = 16  # of tables in tables; assumed: a config has 4


def settings_from_arguments(arguments: Iterable[str]) -> dict[str, str]:
    """Parse ``key=value`` words, as ``--set`` takes them."""
    settings: dict[str, str] = {}
    with Rules() as rules:
        for argument in arguments:
            key, equals, value = argument.partition("=")
            with rules.apart():
                if not (equals and key.strip()):
                    raise ConfigError(f"--set takes key=value, not {shown(argument)}")
                if key in settings:
                    raise ConfigError(f"--set {shown(key)} is given twice")
                settings[key] = value
    return settings


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a file says: settings; of a report, or of what ``--dump-config`` wrote, also a whole config."""

    settings: dict[str, object]
    config: dict[str, object]  # every field by its dotted name; empty where the file is settings alone
    machine: str | None = None
    preset: str | None = None


NOTHING = FileSettings({}, {})  # what a file says that nobody named


def settings_from_file(path: Path) -> FileSettings:
    """Read a TOML file of settings, a report in JSON, or a dumped config: TOML with the sections of a report.

    ``[array]`` / ``rows = 16`` is ``array.rows``. Raises `ConfigError`.
    """
    is_json = path.suffix == ".json"
    text = _text(path, MAX_REPORT_BYTES if is_json else MAX_FILE_BYTES)
    try:
        document = json.loads(text, object_pairs_hook=_unique) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of a number of thousands of digits
        raise ConfigError(f"{shown_path(path)} is not {'JSON' if is_json else 'TOML'}: {error}") from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        if is_json:
            raise ConfigError(f"{shown_path(path)} is not a report: it must have a section 'config'")
        return FileSettings(dict(dotted(document, "")), {})
    names = [document.get(name) for name in ("machine", "preset")]
    stated = document.get("settings")
    if not isinstance(stated, dict) or not all(isinstance(name, str) for name in names):
        rule = f"{shown_path(path)} with [config] must be a whole dump or report"
        raise ConfigError(f"{rule}; fields alone stand without it, as in [array]")
    return FileSettings(stated, dict(dotted(config, "")), *names)


def changed(config: Any, fields: Mapping[str, object]) -> dict[str, object]:
    """Return those of `fields`, values by dotted names, that `config` does not have so."""
    own = dict(dotted(to_dict(config), ""))
    return {name: value for name, value in fields.items() if name not in own or not _same(own[name], value)}


def _same(own: object, read: object) -> bool:
    return read in (None, "none") if own is None else own == read and type(own) is type(read)


def merged(
    first: Mapping[str, object], then: Mapping[str, object], short: Mapping[str, str]
) -> dict[str, object]:
    """Return `first` with `then` on top, whichever of its names each uses for a field."""
    whole = {short.get(key, key) for key in then}
    return {key: value for key, value in first.items() if short.get(key, key) not in whole} | dict(then)


def combined(
    family: Family, given: FileSettings, preset: str | None, words: Iterable[str]
) -> tuple[str | None, dict[str, object]]:
    """Return preset and settings: those of a file, and on top `preset` and ``key=value`` words.

    Raises `ConfigError` for words that are none of these, and as `Family.config` does.
    """
    preset = given.preset if preset is None else preset
    on_top, settings = settings_from_arguments(words), given.settings
    if given.config:
        # Settings as they were given, and what else differs, say because a preset has changed since. Of a
        # section that the words put in place no field of the one before is kept.
        catalogs = family.catalogs
        replaced = tuple(f"{catalogs[key].section}." for key in on_top if key in catalogs)
        other = changed(family.config(preset, settings), given.config)
        other = {key: value for key, value in other.items() if not key.startswith(replaced)}
        settings = merged(settings, other, family.short_names)
    return preset, merged(settings, on_top, family.short_names)


def as_toml(machine: str, preset: str, settings: Mapping[str, object], config: Any) -> str:
    """Return a complete config as TOML, which `settings_from_file` reads back."""
    lines = [f"machine = {_toml(machine)}", f"preset = {_toml(preset)}", "", "[settings]"]
    lines += [f"{_toml(name)} = {_toml(value)}" for name, value in settings.items()]
    return "\n".join([*lines, *_tables(to_dict(config), "config")]) + "\n"


def _tables(table: Mapping[str, Any], path: str) -> Iterator[str]:
    yield f"\n[{path}]"
    for name, value in table.items():
        if not isinstance(value, dict):
            yield f"{name} = {_toml(value)}"
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{name}")


def _toml(value: object) -> str:
    """TOML writes numbers, booleans, lists and strings of plain characters as JSON does; it has no null."""
    return json.dumps("none" if value is None else value)


def _text(path: Path, longest: int) -> str:
    refused = f"cannot read the config file {shown_path(path)}"
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size <= longest:
            return path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{refused}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{shown_path(path)} is not text in UTF-8: {error}") from None
    if stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{refused}: Is a directory")
    raise ConfigError(f"{refused}: it must be a regular file of at most {longest >> 20} MiB")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted name, value) of what stands in `table` and the tables inside it."""
    for key, value in table.items():
        if not isinstance(value, dict):
            yield prefix + key, value
        elif prefix.count(".") >= MAX_DEPTH:
            raise ConfigError(nearest("config key", f"{prefix}{key}", ()).partition(";")[0])
        else:
            yield from dotted(value, f"{prefix}{key}.")

"""``tandem list``: machines, presets, workloads, mixes, policies; what ``--set`` takes; a line each."""

from __future__ import annotations

import argparse
import enum
import types
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest, to_dict
from tandemsim.sim.arch.families import FAMILIES, family_named
from tandemsim.sim.arch.family import Catalog, Family
from tandemsim.sim.arch.settings import fields_of
from tandemsim.sim.shell.command_line import Parser
from tandemsim.sim.shell.files import standard_output

ALWAYS = ("machines", "presets", "workloads")  # what is listed when nothing is asked for

# The end of a field's name -> its unit. CONTRIBUTING.md: units are in the name.
UNITS = {
    "bytes_per_second": "bytes/s",
    "_bytes": "bytes",
    "_hz": "Hz",
    "_ps": "ps",
    "_seconds": "s",
    "_w": "W",
    ".ps": "ps",
    ".nck": "clocks",
    "_pj": "pJ",
    "_cycles": "cycles",
    "_latency": "cycles",
    "width": "bits",
    "fraction": "bits",
    "_bits": "bits",
}


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    parser = commands.add_parser(
        "list", help="what there is to run, and on what", description="Say what there is."
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument(
        "what",
        nargs="?",
        metavar="|".join(
            (*ALWAYS, "mixes", "policies", "fields", *(catalog.plural for catalog in _catalogs()))
        ),
        help="default: the first three; mixes and policies are of serve, fields what --set takes, then come"
        " its catalogs",
    )
    parser.add_argument("machine", nargs="?", metavar="MACHINE", help="of fields (default: the first)")
    parser.add_argument("--preset", metavar="NAME", help="whose values fields have (default: the first)")


def run(chosen: argparse.Namespace) -> None:
    """Print what was asked for. Raises `ConfigError`."""
    show(chosen.what, chosen.machine, chosen.preset)


def show(what: str | None, machine: str | None = None, preset: str | None = None) -> None:
    """Print one section, or those of `ALWAYS` with their titles.

    `machine` and `preset` are those whose fields are listed. `ConfigError` names the nearest of an unknown.
    """
    sections: dict[str, Callable[[], dict[str, str]]] = {
        "machines": lambda: {name: family.line for name, family in FAMILIES.items()},
        "presets": _preset_lines,
        "workloads": _workload_lines,
        "fields": lambda: _field_lines(family_named(machine), preset),
    }
    sections["mixes"], sections["policies"] = _mix_lines, _policy_lines
    for catalog in _catalogs():
        sections[catalog.plural] = partial(_catalog_lines, catalog)
    if what is not None and what not in sections:
        raise ConfigError(nearest("list", what, sections))
    if what != "fields" and (machine, preset) != (None, None):
        raise ConfigError("only fields are listed by machine and preset")
    with standard_output() as out:
        for title in [what] if what else ALWAYS:
            lines = sections[title]()
            if not what:
                print(f"{title}:", file=out)
            width = max(len(name) for name in lines)
            for name, line in lines.items():
                print(f"  {name:<{width}}  {line}", file=out)


def _catalogs() -> list[Catalog]:
    """Return the catalogs of all families, each once."""
    every = (catalog for family in FAMILIES.values() for catalog in family.catalogs.values())
    return list({catalog.plural: catalog for catalog in every}.values())


def _catalog_lines(catalog: Catalog) -> dict[str, str]:
    return {name: catalog.line(choice) for name, choice in catalog.choices.items()}


def _mix_lines() -> dict[str, str]:
    from tandemsim.sim.serving.mixes import MIXES

    return {name: mix.line for name, mix in MIXES.items()}


def _policy_lines() -> dict[str, str]:
    from tandemsim.sim.capacity.variants import LINES

    return dict(LINES)


def _preset_lines() -> dict[str, str]:
    return {
        name: f"{family.name}: {preset.line}"
        for family in FAMILIES.values()
        for name, preset in family.presets.items()
    }


def _workload_lines() -> dict[str, str]:
    from tandemsim.sim.machines.table import running
    from tandemsim.traces import codec

    lines = {}
    for name in codec.names():
        trace = codec.load(codec.find(name))
        lengths = [pattern.seq_len for op in trace.ops if (pattern := op.pattern)]
        windows = f", {len(lengths)} window attentions of up to {max(lengths)} tokens" if lengths else ""
        runs = ", ".join(f"{machine} runs {count} ops" for machine, count in running(trace).items())
        size = f"{len(trace.ops)} ops, {trace.macs / 1e9:.1f} GMAC{windows}"
        lines[name] = f"{size}; {runs or 'no machine runs any'}"
    return lines


def _field_lines(family: Family, preset: str | None) -> dict[str, str]:
    """Return each field's default, unit and choices; first the catalogs, which fill whole sections."""
    config = family.config(preset, {})
    short = {whole: name for name, whole in family.short_names.items()}
    rows = [
        (key, catalog.name_of(config) or "-", "", f"{'|'.join(catalog.choices)}; fills {catalog.section}.*")
        for key, catalog in family.catalogs.items()
    ]
    for name, value, kind in fields_of(config):
        also = f"; short: {short[name]}" if name in short else ""
        also += "; auto: follows the array unless set" if name in family.auto else ""
        rows.append((name, _said(value), _unit(name), _choices(kind) + also))
    default, unit = (max(len(row[place]) for row in rows) for place in (1, 2))
    return {row[0]: f"{row[1]:<{default}}  {row[2]:<{unit}}  {row[3]}" for row in rows}


def _said(value: object) -> str:
    """Return a value as --set takes it."""
    plain = to_dict(value)
    if isinstance(plain, list):
        return ",".join(map(str, plain))
    return str(plain).lower() if plain is None or isinstance(plain, bool) else str(plain)


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def _choices(kind: Any) -> str:
    if isinstance(kind, types.UnionType):
        parts = [part for part in kind.__args__ if part is not type(None)]
        return "|".join([*map(_choices, parts), *(["none"] if len(parts) < len(kind.__args__) else [])])
    if typing.get_origin(kind) is tuple:
        return f"{_choices(typing.get_args(kind)[0])}, comma between"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "|".join(str(member.value) for member in kind)
    return {int: "integer", float: "number", bool: "true|false"}.get(kind, "text")

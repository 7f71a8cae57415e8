"""The runs that lists of workloads, machines, presets, configs and values mean: every combination of them.

All of them are checked before the first one runs: names, configs, operand widths, that no two are the same
run, and how many they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, UserError, digest, shown, shown_path
from tandemsim.sim.arch.families import family_named
from tandemsim.sim.machines.table import default_machine
from tandemsim.sim.run import Request, check_request
from tandemsim.sim.shell.files import printable
from tandemsim.sim.shell.settings_files import NOTHING, FileSettings, combined, settings_from_file
from tandemsim.traces import codec

LISTS = {  # what is not a config field -> how it is listed
    "workload": "more workloads",
    "machine": "--machines",
    "preset": "--presets",
    "config": "--configs",
    "bits": "--bits",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What is given. An empty list of machines, presets, configs or bits leaves that to each workload."""

    workloads: tuple[str, ...]
    machines: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    vary: tuple[tuple[str, tuple[str, ...]], ...] = ()  # key -> its values
    bits: tuple[str, ...] = ()
    batch: int = 1  # of all runs

    def sizes(self) -> dict[str, int]:
        """Return the length of each list that has something in it."""
        lists = {"workloads": self.workloads, "machines": self.machines, "presets": self.presets}
        lists |= {"configs": self.configs, **{f"values of {key}": values for key, values in self.vary}}
        lists |= {"operand widths": self.bits}
        return {name: len(items) for name, items in lists.items() if items}


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """One run. `label` has what the lists tell it by, beside its workload; it may be empty."""

    request: Request
    machine: str
    config_digest: str
    label: str

    @property
    def name(self) -> str:
        """What a message calls it."""
        return _named(self.request.workload, self.label, self.machine)


def combinations(lists: Lists, most: int) -> list[Combination]:
    """Return every combination, workload by workload, in the order of the lists; the last list varies first.

    Raises `ConfigError` and `TraceError` for whatever is wrong with any of them, for two that are the same
    run, for fewer than two and for more than `most`.
    """
    _check_count(lists, most)
    traces = {name: codec.load(codec.find(name)) for name in lists.workloads}
    files = {path: settings_from_file(Path(path)) for path in lists.configs}
    for name in lists.machines:
        family_named(name)
    runs: list[Combination] = []
    known: dict[tuple[str, str, str, str | None], Combination] = {}
    choices = itertools.product(
        lists.workloads,
        lists.machines or (None,),
        lists.presets or (None,),
        lists.configs or (None,),
        itertools.product(*(values for _, values in lists.vary)),
        lists.bits or (None,),
    )
    for workload, machine, preset, config, values, bits in choices:
        words = [f"{key}={value}" for (key, _), value in zip(lists.vary, values, strict=True)]
        label = _label(lists, machine, preset, config, words, bits)
        base = files[config] if config is not None else NOTHING
        start = Request(
            workload=workload, trace=traces[workload], preset=preset, bits=bits, batch=lists.batch
        )
        made = _combination(start, machine, base, words, label)
        same = known.setdefault((traces[workload].digest, made.machine, made.config_digest, bits), made)
        if same is not made:
            raise ConfigError(f"{shown(same.name)} and {shown(made.name)} are the same run")
        runs.append(made)
    return runs


def _check_count(lists: Lists, most: int) -> None:
    sizes = lists.sizes()
    count = math.prod(sizes.values())
    if count < 2:
        more = "more workloads, --machines, --presets, --configs, --bits or --vary"
        raise ConfigError(f"there is nothing to compare in a single run; give {more}")
    if count > most:
        product = " x ".join(f"{size} {name}" for name, size in sizes.items() if size > 1)
        raise ConfigError(f"a comparison must be of at most {most} runs, not {product} = {count:,}")


def _combination(
    start: Request, machine: str | None, file: FileSettings, words: Sequence[str], label: str
) -> Combination:
    where = _named(start.workload, label, machine or file.machine or "its machine")
    kinds = {op.kind for op in start.trace.ops} if start.trace is not None else set()
    try:
        name = machine or file.machine or default_machine(kinds, start.preset)
        family = family_named(name)
        preset, settings = combined(family, file, start.preset, words)
        request = replace(start, machine=name, preset=preset, settings=settings)
        check_request(request)
        config = family.config(preset, settings)
    except UserError as error:
        raise ConfigError(f"{where}: {error}") from error
    return Combination(request=request, machine=name, config_digest=digest(config), label=label)


def _named(workload: str, label: str, machine: str) -> str:
    return f"{workload} with {label}" if "=" in label else f"{workload} on {label or machine}"


def _label(
    lists: Lists,
    machine: str | None,
    preset: str | None,
    config: str | None,
    words: Sequence[str],
    bits: str | None,
) -> str:
    """What the lists with more than one item say of a combination."""
    parts = [machine] if len(lists.machines) > 1 else []
    parts += [preset] if len(lists.presets) > 1 else []
    parts += [_stem(config, lists.configs)] if config is not None and len(lists.configs) > 1 else []
    parts += [word for word, (_, values) in zip(words, lists.vary, strict=True) if len(values) > 1]
    parts += [f"bits={bits}"] if len(lists.bits) > 1 else []
    return printable(" ".join(part for part in parts if part))


def _stem(path: str, others: Sequence[str]) -> str:
    """The name of a file without its ending, or its path where two files have one name."""
    stems = [Path(other).stem for other in others]
    return Path(path).stem if stems.count(Path(path).stem) == 1 else shown_path(path)


def listed(option: str, text: str | None) -> tuple[str, ...]:
    """Return the items of ``A,B,C``; of None none. Raises `ConfigError` for an empty or repeated one."""
    items = () if text is None else tuple(item.strip() for item in text.split(","))
    if not all(items):
        raise ConfigError(f"{option} takes names with commas between, not {shown(text)}")
    return once(option, items)


def varied(words: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield key and values of each ``key=v1,v2``. Raises `ConfigError`."""
    keys = []
    for word in words:
        key, equals, values = word.partition("=")
        items = tuple(item.strip() for item in values.split(","))
        if not (equals and key.strip() and all(items)):
            raise ConfigError(f"--vary takes key=value,value, not {shown(word)}")
        if key.strip() in LISTS:
            raise ConfigError(
                f"--vary takes config fields, not {shown(key.strip())}; give {LISTS[key.strip()]}"
            )
        keys.append(key.strip())
        yield keys[-1], once(f"--vary {keys[-1]}", items)
    once("--vary", tuple(keys))


def once(option: str, items: Sequence[str]) -> tuple[str, ...]:
    """Return the items. Raises `ConfigError` for one given twice."""
    for place, item in enumerate(items):
        if item in items[:place]:
            raise ConfigError(f"{option} has {shown(item)} twice")
    return tuple(items)

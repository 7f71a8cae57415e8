"""What the keys of a study mean: options of a run, and config fields of the machines it names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, UserError, nearest, printable, require, shown
from tandemsim.sim.arch.families import FAMILIES, family_named
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.settings import LISTED_BY, fields_of
from tandemsim.sim.machines.table import default_machine
from tandemsim.sim.pattern_trace import OPTIONS as PATTERN_OPTIONS
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.sim.run import bits_named, workload_name
from tandemsim.sim.sweep.study import Study
from tandemsim.traces import codec
from tandemsim.traces.errors import TraceError
from tandemsim.traces.schema import Trace

TEXTS = ("workload", "pattern", "only", "machine", "preset")  # options whose value is a text
INTEGERS = (*PATTERN_OPTIONS, "batch")
OPTIONS = ("workload", "pattern", *PATTERN_OPTIONS, "only", "machine", "preset", "batch", "bits")  # of a run
WORK = ("workload", "pattern", *PATTERN_OPTIONS, "only", "batch")  # of these, what is run
BOTH = "a point must have a workload or a pattern, not both"
MOST_CONFIGS = 4096  # assumed: some 10 MB that constraints keep


def settings_of(point: Mapping[str, object]) -> dict[str, object]:
    """Return the config fields of a point, as ``--set`` takes them."""
    return {key: value for key, value in point.items() if key not in OPTIONS}


def trace_of(point: Mapping[str, Any], traces: Mapping[str, Trace]) -> Trace:
    """Return what a point runs. Raises `ConfigError` and `TraceError`."""
    if "pattern" in point:
        given = ((name, point[name]) for name in PATTERN_OPTIONS if point.get(name) is not None)
        return _pattern(point["pattern"], *given)
    for name in PATTERN_OPTIONS:
        if name in point:
            raise ConfigError(f"{name} goes with a pattern, and this point has none")
    if "workload" not in point:
        raise ConfigError("a point must have a workload or a pattern")
    return traces[point["workload"]]


@lru_cache(256)
def _pattern(text: str, *options: tuple[str, Any]) -> Trace:
    for name, value in options:
        require(isinstance(value, int) and not isinstance(value, bool), f"{name} must be an integer", value)
    return pattern_trace(text, **dict(options))


class MissingError(Exception):
    """A point has no such field."""


class Fields:
    """The fields of a study's machines, and the traces of its workloads, checked when it is made."""

    def __init__(self, study: Study) -> None:
        """Raises `StudyError` with the line of an unknown key, workload, machine or preset."""
        self.study = study
        self._configs: dict[str, Any] = {}
        self._machine_names: dict[tuple[str, str | None], str] = {}  # by the digest of a trace
        self._check_options()
        self._check_work()
        self.traces = dict(self._traces())
        counts = Counter(workload_name(name) for name in self.traces)
        self._shared_names = {name for name in self.traces if counts[workload_name(name)] > 1}
        self._check_patterns()
        self.machines = self._machines()
        for key, place in study.places.items():
            with study.origin.of(*place):
                self._check_key(key)
        self._check_presets()
        self._check_catalogs()
        self._check_twice()
        for number, constraint in enumerate(study.constraints):
            for name in constraint.names:
                with study.origin.of("constraints", number):
                    self._check_key(name)

    def running(self) -> list[str]:
        """Return the machines that points run on: those that they name, or the defaults of what they run."""
        if any(True for _ in _values(self.study, "machine")):
            return self.machines
        presets: list[str | None] = [str(value) for value, _ in _values(self.study, "preset")] or [None]
        patterns = [_pattern(str(value)) for value, _ in _values(self.study, "pattern")]
        found = {}
        for trace in (*self.traces.values(), *patterns):
            for preset in presets:
                with suppress(ConfigError):  # no machine runs it, which its points will say
                    found[default_machine({op.kind for op in trace.ops}, preset)] = True
        return list(found)

    def name_of(self, point: Mapping[str, object]) -> str:
        """Return the name of the workload of a point; of files of one name, as the study names them."""
        text = str(point.get("pattern", point.get("workload", "")))
        return printable(text) if text in self._shared_names else workload_name(text)

    def digest_of(self, point: Mapping[str, object]) -> str | None:
        """Return the digest of the trace of a point; None where it has none."""
        try:
            return trace_of(point, self.traces).digest
        except (UserError, TraceError):
            return None

    def machine_of(self, point: Mapping[str, object]) -> str:
        """Return the machine that a point runs on; empty where no machine runs its trace."""
        if "machine" in point:
            return str(point["machine"])
        try:
            trace = trace_of(point, self.traces)
            preset = str(point["preset"]) if "preset" in point else None
            key = trace.digest, preset
            if key not in self._machine_names:
                self._machine_names[key] = default_machine({op.kind for op in trace.ops}, preset)
            return self._machine_names[key]
        except (UserError, TraceError):
            return ""

    def preset_of(self, point: Mapping[str, object]) -> str:
        family = FAMILIES.get(self.machine_of(point))
        return str(point["preset"]) if "preset" in point else family.default_preset if family else ""

    def lookup(self, point: Mapping[str, object]) -> Callable[[str], object]:
        """Return a function: field -> its value at a point, from the whole config where the point lacks it.

        It raises `MissingError` for a field that the machine lacks, and where the config is not valid.
        """

        def read(name: str) -> object:
            if name in point:
                return point[name]
            if name in OPTIONS:
                return self._option(name, point)
            family = FAMILIES.get(self.machine_of(point))
            if family is None:
                raise MissingError(name)
            whole = {**family.short_names, **{full: short for short, full in family.short_names.items()}}
            if whole.get(name) in point:
                return point[whole[name]]
            value = self._config(family, point)
            if value is None:
                raise MissingError(name)
            if name in family.catalogs:
                return family.catalogs[name].name_of(value)
            for part in family.short_names.get(name, name).split("."):
                if not hasattr(value, part):
                    raise MissingError(name)
                value = getattr(value, part)
            return getattr(value, "value", value)  # of an enum, its word

        return read

    def _config(self, family: Family, point: Mapping[str, object]) -> Any:
        """The config of a point, kept for the next ones that set the same; None where it is not valid."""
        preset, settings = point.get("preset"), settings_of(point)
        key = repr((family.name, preset, settings))  # unlike its values, it tells 1 from 1.0 and from true
        if key not in self._configs:
            if len(self._configs) >= MOST_CONFIGS:
                self._configs.clear()
            try:
                self._configs[key] = family.config(preset, settings)  # type: ignore[arg-type]
            except UserError:
                self._configs[key] = None
        return self._configs[key]

    def _option(self, name: str, point: Mapping[str, object]) -> object:
        if name == "machine":
            return self.machine_of(point)
        if name == "preset":
            return self.preset_of(point)
        if name == "batch":
            return 1
        raise MissingError(name)

    def _traces(self) -> Iterator[tuple[str, Trace]]:
        origin, seen = self.study.origin, set()
        for value, place in _values(self.study, "workload"):
            with origin.of(*place):
                if value in seen:
                    continue
                seen.add(value)
                try:
                    yield str(value), codec.load(self._file(str(value)))
                except TraceError as error:
                    raise ConfigError(str(error)) from None
        if "workload" not in self.study.places and "pattern" not in self.study.places:
            raise origin.error("a study must have a workload or a pattern")

    def _file(self, name: str) -> Any:
        """A checked-in trace, else a file beside the study."""
        beside = self.study.origin.folder / name
        return (
            beside
            if name not in codec.names() and (os.path.exists(beside) or name.endswith(codec.SUFFIXES))
            else codec.find(name)
        )

    def _check_options(self) -> None:
        """The options of a run have one type each."""
        for names, kind, said in ((TEXTS, str, "a text"), (INTEGERS, int, "an integer")):
            for name in names:
                for value, place in _values(self.study, name):
                    with self.study.origin.of(*place):
                        good = isinstance(value, kind) and not isinstance(value, bool)
                        require(good, f"{name} must be {said}", value)
        for value, place in _values(self.study, "bits"):
            with self.study.origin.of(*place):
                bits_named(value)

    def _check_catalogs(self) -> None:
        """A choice that no machine of the study has is a slip, and would make every point of it invalid."""
        for key in sorted({key for machine in self.machines for key in FAMILIES[machine].catalogs}):
            catalogs = [FAMILIES[machine].catalogs.get(key) for machine in self.machines]
            known = {choice for catalog in catalogs if catalog for choice in catalog.choices}
            for value, place in _values(self.study, key):
                if value not in known:
                    raise self.study.origin.error(nearest(f"value of {key}", str(value), known), *place)

    def _check_work(self) -> None:
        """No point may have both a workload and a pattern."""
        study = self.study
        everywhere = {key: study.places[key] for key in (*study.grid, *study.random)}
        for row in study.rows or ({},):
            places = {**everywhere, **{key: cell.place for key, cell in row.items()}}
            both = [places[key] for key in ("workload", "pattern") if key in places]
            if len(both) > 1:
                raise study.origin.error(BOTH, *max(both, key=self._line))

    def _check_patterns(self) -> None:
        for value, place in _values(self.study, "pattern"):
            with self.study.origin.of(*place):
                try:
                    pattern_trace(str(value))
                except TraceError as error:
                    raise ConfigError(str(error)) from None

    def _machines(self) -> list[str]:
        """The machines that points name, or all that a trace may be given to."""
        found = {}
        for value, place in _values(self.study, "machine"):
            with self.study.origin.of(*place):
                found[family_named(str(value)).name] = True
        return list(found) if found else list(FAMILIES)

    def _check_key(self, key: str) -> None:
        if key in OPTIONS or any(key in _known(machine) for machine in self.machines):
            return
        for machine in self.machines:
            if key in FAMILIES[machine].fixed:
                raise ConfigError(f"config key {key!r} cannot be set: {FAMILIES[machine].fixed[key]}")
        known = {name for machine in self.machines for name in _known(machine)}
        raise ConfigError(nearest("key", key, [*OPTIONS, *known], LISTED_BY))

    def _check_presets(self) -> None:
        known = [preset for machine in self.machines for preset in FAMILIES[machine].presets]
        for value, place in _values(self.study, "preset"):
            if value not in known:
                raise self.study.origin.error(nearest("preset", str(value), known), *place)

    def _check_twice(self) -> None:
        """No field may be set by its short and by its whole name."""
        places = self.study.places
        for machine in self.machines:
            for short, whole in FAMILIES[machine].short_names.items():
                if short in places and whole in places:
                    said = f"{shown(short)} and {shown(whole)} are one field; set only one of them"
                    raise self.study.origin.error(said, *max(places[short], places[whole], key=self._line))

    def _line(self, place: tuple[str | int, ...]) -> int:
        return self.study.origin.lines.get(place, 0)


@cache
def _known(machine: str) -> frozenset[str]:
    family = FAMILIES[machine]
    names = (name for name, _, _ in fields_of(family.config(None, {})))
    return frozenset((*names, *family.short_names, *family.catalogs))


def _values(study: Study, key: str) -> Iterator[tuple[object, tuple[str | int, ...]]]:
    """Yield every value that a key may have, and where it stands."""
    if key in study.grid or key in study.random:
        place = study.places[key]
        draw = study.random.get(key)
        values: Iterable[object] = study.grid.get(key, ()) if draw is None else draw.kinds
        yield from ((value, (*place, number)) for number, value in enumerate(values))
    yield from (row[key] for row in study.rows if key in row)

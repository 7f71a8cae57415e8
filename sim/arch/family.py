"""A family: the configurations of one machine, and what ``--set`` takes for them.

Light: ``list``, ``--help`` and the circuits read it without numba. What a machine computes is supplied by its
`sim.machines.contract.Machine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.settings import canonical_settings, fields_of, with_settings

AUTO_VALUE = "auto"  # of a setting that follows from others: as if it were not there


@dataclass(frozen=True, slots=True)
class Preset:
    """A named configuration, and what it is in one line."""

    config: Any
    line: str
    bits: tuple[str, ...] = ()  # of a run without --bits, the first of these that the trace has


@dataclass(frozen=True, slots=True)
class Catalog:
    """Named values of a whole section of the config: ``--set memory=hbm2`` fills ``dram``."""

    section: str
    choices: Mapping[str, Any]
    plural: str  # as ``tandem list`` takes it: memories
    line: Callable[[Any], str]  # what a choice is, in one line

    def name_of(self, config: Any) -> str | None:
        """Return the choice that the section of `config` is, or None."""
        own = getattr(config, self.section)
        return next((name for name, choice in self.choices.items() if choice == own), None)


# (config of the preset, config with the catalogs' sections in place, settings by dotted names)
# -> the fields that follow from those settings, by dotted names
Follow = Callable[[Any, Any, Mapping[str, object]], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The configurations of one machine. The first of its presets is the default."""

    name: str
    line: str  # what the machine is, for `tandem list`
    presets: Mapping[str, Preset]
    short_names: Mapping[str, str] = field(default_factory=dict)  # "rows": "array.rows"
    catalogs: Mapping[str, Catalog] = field(default_factory=dict)  # "memory": Catalog("dram", DRAMS)
    fixed: Mapping[str, str] = field(default_factory=dict)  # names that other machines take, and why not this
    auto: tuple[str, ...] = ()  # fields that follow from others unless they are set to a value
    follow: Follow | None = None  # how they do
    # Presets that are measured where they are used: each is read when it is asked for, and may be refused.
    measured: Mapping[str, Callable[[], Preset]] = field(default_factory=dict)

    @property
    def configs(self) -> dict[str, Any]:
        """The config of each preset."""
        return {name: preset.config for name, preset in self.presets.items()}

    @property
    def default_preset(self) -> str:
        """The first preset's name."""
        return next(iter(self.presets))

    def config(self, preset: str | None, settings: Mapping[str, object]) -> Any:
        """Return a preset's config (None: the first) with `settings` in place, whole sections before fields.

        Raises `ConfigError`, which names the nearest, for a preset, a section or a field that does not exist,
        and says the rule that a value breaks.
        """
        start = self.preset(preset).config
        self._refuse_fixed(settings)
        config = self._with_sections(start, settings)
        fields = self._fields(settings)
        if self.follow:
            whole = {self.short_names.get(key, key): value for key, value in fields.items()}
            fields = {**self.follow(start, config, whole), **fields}
        return with_settings(config, fields, self._names())

    def changed(self, config: Any, settings: Mapping[str, object]) -> Any:
        """Return `config`, one of this family's, with `settings` in place; nothing follows from them.

        Raises `ConfigError` as `Family.config` does, and for a config of another family.
        """
        accepted, given = type(self.preset(None).config), type(config)
        if not isinstance(config, accepted):
            raise ConfigError(f"a config of {self.name} must be a {accepted.__name__}, not {given.__name__}")
        self._refuse_fixed(settings)
        return with_settings(self._with_sections(config, settings), self._fields(settings), self._names())

    def preset(self, name: str | None) -> Preset:
        """Return a preset by name (None: the first); `ConfigError` names the nearest of an unknown one."""
        name = self.default_preset if name is None else name
        if name in self.measured:
            return self.measured[name]()
        if name not in self.presets:
            raise ConfigError(nearest(f"preset of {self.name}", name, [*self.presets, *self.measured]))
        return self.presets[name]

    def stated(self, config: Any, settings: Mapping[str, object]) -> dict[str, Any]:
        """Return `settings` by whole field names, with the values that they have in `config`; of what is to
        follow from others nothing is set.
        """
        own = {key: value for key, value in settings.items() if not self._follows(key, value)}
        return canonical_settings(config, own, self.short_names)

    def closest(self, config: Any) -> str:
        """Return the preset from which `config`, one of this family's, differs in the fewest settings."""
        return min(self.presets, key=lambda name: len(self.differences(name, config)))

    def differences(self, preset: str, config: Any) -> dict[str, object]:
        """Return the settings in which `config` differs from a preset; a section of a catalog by its name."""
        start, settings = self.preset(preset).config, dict[str, object]()
        for key, catalog in self.catalogs.items():
            name = catalog.name_of(config)
            if name is not None and name != catalog.name_of(start):
                settings[key] = name
        in_place = tuple(f"{self.catalogs[key].section}." for key in settings)
        before = {name: value for name, value, _ in fields_of(start)}
        for name, value, _ in fields_of(config):
            if not name.startswith(in_place) and (name not in before or before[name] != value):
                settings[name] = value
        return settings

    def _fields(self, settings: Mapping[str, object]) -> dict[str, object]:
        """Return the settings of single fields, less those that are to follow from others."""
        return {
            key: value
            for key, value in settings.items()
            if key not in self.catalogs and not self._follows(key, value)
        }

    def _follows(self, key: str, value: object) -> bool:
        return key in self.auto and value == AUTO_VALUE

    def _names(self) -> dict[str, str]:
        return {**self.short_names, **dict.fromkeys(self.catalogs, "")}

    def _refuse_fixed(self, settings: Mapping[str, object]) -> None:
        for key in settings:
            if key in self.fixed:
                raise ConfigError(f"config key {key!r} cannot be set: {self.fixed[key]}")

    def _with_sections(self, config: Any, settings: Mapping[str, object]) -> Any:
        for key, catalog in self.catalogs.items():
            if key in settings:
                choice = str(settings[key])
                if choice not in catalog.choices:
                    raise ConfigError(nearest(f"value of {key}", choice, catalog.choices))
                config = replace(config, **{catalog.section: catalog.choices[choice]})
        return config

"""Variants: a policy by its name, with parameters of it set, and the grid on which the others are tuned."""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, shown
from tandemsim.sim.serving.policy import POLICIES, Policy, Share, Unit

#: Shares of the target that a policy may plan to use. 1 is the rule of VELTAIR's artifact.
MARGINS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
BLOCKS = (5, 10, 20)  # layers of fixed blocks; 20 is the artifact's
# What can be set, as --policy takes it -> the field of `Policy`.
PARAMETERS: Mapping[str, Any] = {
    "margin": float,
    "block": int,
    "quantum": int,
    "share": Share,
    "knows_teams": bool,
    "longest": int,
    "shrink": float,
    "least_efficiency": float,
    "most_price": float,
}
# What each policy does, for `tandem list policies`.
LINES: Mapping[str, str] = {
    "model_wise": "first come, first served: a query gets cores for its whole model, or waits",
    "layer_wise": "cores anew for each layer, as many as its share of the target needs",
    "fixed_blocks": "the same for blocks of 10 layers, or of as many as block= says",
    "adaptive_blocks": "VELTAIR's scheduling alone: blocks whose length follows the load",
    "adaptive_compilation": "VELTAIR's compilation alone: layer_wise, with the version that suits the moment",
    "veltair": "both: blocks by load, versions by interference",
    "prema": "PREMA-like: one query at a time on all cores, chosen by how long it has waited",
    "planaria": "Planaria-like: layer by layer, by the time that is left, with what cores are spare",
    "planaria_versions": "planaria, with the version that suits the moment",
    "priced": "ours: blocks by dynamic programming, with a price on time",
    "priced_versions": "priced, with the version that suits the moment",
}
FORM = "NAME[:PARAMETER=VALUE]..."


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy, and those of its parameters that are set; the values are plain: texts and numbers."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name, with what is set: ``veltair:margin=0.8``."""
        return ":".join([self.name, *(f"{key}={_said(value)}" for key, value in self.settings.items())])

    @property
    def policy(self) -> Policy:
        """The policy itself. Raises `ConfigError`."""
        fields = {key: _typed(key, value) for key, value in self.settings.items()}
        try:
            return dataclasses.replace(POLICIES[self.name], **fields)
        except ConfigError as error:
            raise ConfigError(*(f"{self.name}: {_bare(message)}" for message in error.messages)) from None

    def with_settings(self, settings: Mapping[str, Any]) -> Variant:
        """Return the variant with `settings` beside its own, which win."""
        return Variant(self.name, {**settings, **self.settings})

    def grid(self, margins: Sequence[float] = MARGINS) -> list[dict[str, Any]]:
        """Return the settings to try of the free parameters that are not set; without any, an empty one."""
        free: dict[str, Sequence[Any]] = {}
        policy = POLICIES[self.name]
        if policy.unit != Unit.TEMPORAL:  # which plans with no target
            free["margin"] = margins
        if policy.unit == Unit.LAYERS and policy.block > 1:
            free["block"] = BLOCKS
        free = {key: values for key, values in free.items() if key not in self.settings}
        return [dict(zip(free, values, strict=True)) for values in itertools.product(*free.values())]


def variants_named(text: str) -> list[Variant]:
    """Return the variants of ``layer_wise,veltair:margin=0.9:quantum=8``. Raises `ConfigError`."""
    with Rules() as rules:
        found = []
        for word in text.split(","):
            with rules.apart():
                found.append(_variant(word))
    labels = [variant.label for variant in found]
    with Rules() as rules:
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            rules.require(False, "every policy must be named once", label)
        for variant in found:
            with rules.apart():
                _ = variant.policy
    return found


def _variant(word: str) -> Variant:
    name, *parts = word.split(":")
    if name not in POLICIES:
        raise ConfigError(nearest("policy", name, POLICIES))
    return Variant(name, dict(_parameters(parts)))


def _parameters(parts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for part in parts:
        key, equals, text = part.partition("=")
        if not equals:
            raise ConfigError(f"a policy must be {FORM}, with a value after {shown(key)}")
        if key not in PARAMETERS:
            raise ConfigError(nearest("parameter of a policy", key, PARAMETERS))
        yield key, _parsed(key, text)


def _parsed(key: str, text: str) -> Any:
    kind = PARAMETERS[key]
    if kind is bool:
        if text not in ("true", "false"):
            raise ConfigError(f"{key} must be true or false, not {shown(text)}")
        return text == "true"
    if issubclass(kind, enum.Enum):
        names = [name.lower() for name in kind.__members__]
        if text not in names:
            raise ConfigError(nearest(f"value of {key}", text, names))
        return text
    try:
        return kind(text)
    except ValueError:
        what = "an integer" if kind is int else "a number"
        raise ConfigError(f"{key} must be {what}, not {shown(text)}") from None


def _typed(key: str, value: Any) -> Any:
    kind = PARAMETERS[key]
    return kind[value.upper()] if issubclass(kind, enum.Enum) else value


def _said(value: Any) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _bare(message: str) -> str:
    return message.removeprefix("Policy.")

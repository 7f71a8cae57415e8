"""Mixes: which networks are served together, within which time, and how often each is asked for.

`light`, `medium` and `heavy` name the networks of VELTAIR's three loads, which its artifact lists. Their
targets and shares are assumed: the artifact states 15 ms alone, and shares in proportion to 1 / target are a
choice. Of MLPerf's two SSDs with ResNet-34 the heavy mix has the one for images of 300 x 300: the other takes
more than its target on all cores. Any other trace can be a tenant too: ``resnet50=15,my_model.json=40:2``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tandemsim.sim.arch.checks import ConfigError, Rules, nearest, require, shown
from tandemsim.traces.errors import TraceError

MAX_TENANTS = 16  # assumed
MAX_TARGET_MS = 1e6  # assumed: a quarter of an hour
MAX_SHARE = 1e6  # assumed

# Milliseconds, all assumed; 15 is the default of VELTAIR's artifact.
TARGETS_MS: Mapping[str, float] = {
    "efficientnet-b0": 10.0,
    "mobilenet-v2": 10.0,
    "tiny-yolov2": 10.0,
    "resnet50": 15.0,
    "googlenet": 15.0,
    "ssd-resnet34-300": 100.0,
    "bert-large-384": 130.0,
}
FORM = "TRACE[=TARGET_MS[:SHARE]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One network that is served."""

    name: str  # unique in its mix
    workload: str  # a checked-in trace's name, or a file
    target_ms: float  # a query that takes longer is late
    share: float  # of the queries, beside those of the other tenants

    def __post_init__(self) -> None:
        with Rules() as rules:
            target, share = self.target_ms, self.share
            good = 0 < target <= MAX_TARGET_MS
            rule = f"the target of {self.name} must be a positive number of ms up to {MAX_TARGET_MS:,.0f}"
            rules.require(good, rule, target)
            rule = f"the share of {self.name} must be a positive number up to {MAX_SHARE:,.0f}"
            rules.require(0 < share <= MAX_SHARE, rule, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Networks that share a machine."""

    name: str
    tenants: tuple[Tenant, ...]

    def __post_init__(self) -> None:
        names = [tenant.name for tenant in self.tenants]
        with Rules() as rules:
            rule = f"a mix must have 1 to {MAX_TENANTS} tenants"
            rules.require(0 < len(names) <= MAX_TENANTS, rule, len(names))
            rule = "the tenants of a mix must have names of their own"
            rules.require(len(set(names)) == len(names), rule, names)

    @property
    def line(self) -> str:
        """The tenants, with their targets and the percentage of queries that each gets."""
        whole = sum(tenant.share for tenant in self.tenants)
        return ", ".join(
            f"{tenant.name} (target {tenant.target_ms:g} ms, {100 * tenant.share / whole:.0f} % of queries)"
            for tenant in self.tenants
        )


def _known(name: str, *workloads: str) -> Mix:
    targets = [(workload, TARGETS_MS[workload]) for workload in workloads]
    tenants = [Tenant(name=w, workload=w, target_ms=t, share=1 / t) for w, t in targets]
    return Mix(name=name, tenants=tuple(tenants))


MIXES: Mapping[str, Mix] = {
    mix.name: mix
    for mix in (
        _known("light", "efficientnet-b0", "mobilenet-v2", "tiny-yolov2"),
        _known("medium", "resnet50", "googlenet"),
        _known("heavy", "ssd-resnet34-300", "bert-large-384"),
    )
}


def mix_named(text: str) -> Mix:
    """Return the mix of a name, or of tenants as in ``resnet50=15,my_model.json=40``.

    A target is in ms; the networks of `TARGETS_MS` have one. Shares, as in ``resnet50=15:3,vgg16=40:1``, are
    given for all tenants or for none; then they are in proportion to 1 / target. Raises `ConfigError`, which
    names the nearest of an unknown name.
    """
    if text in MIXES:
        return MIXES[text]
    if not set(text) & {",", "="} and not _is_trace(text):
        raise ConfigError(f"{nearest('mix', text, MIXES)}; any trace can be a tenant, as NAME=TARGET_MS")
    with Rules() as rules:
        stated: list[tuple[str, float, float | None]] = []
        for word in text.split(","):
            with rules.apart():
                stated.append(_stated(word))
    given = [share is not None for _, _, share in stated]
    require(all(given) or not any(given), "shares must be given for all tenants or for none", text)
    tenants = [
        Tenant(name=_name(workload), workload=workload, target_ms=target, share=share or 1 / target)
        for workload, target, share in stated
    ]
    return Mix(name=text, tenants=tuple(tenants))


def is_mix(text: str) -> bool:
    """Whether a word that may name a workload names a mix."""
    return text in MIXES


def _stated(word: str) -> tuple[str, float, float | None]:
    """Return workload, target and share of one tenant as it was written."""
    workload, equals, numbers = word.rpartition("=") if "=" in word else (word, "", "")
    first, colon, second = numbers.partition(":")
    if not workload:
        raise ConfigError(f"a tenant must be {FORM}, not {shown(word)}")
    if not _is_trace(workload):
        raise ConfigError(nearest("network", workload, _traces().names()))
    target = _number(f"the target of {workload}", first) if equals else TARGETS_MS.get(workload)
    if target is None:
        raise ConfigError(f"{workload} needs a target in ms, as in {workload}=50")
    return workload, target, _number(f"the share of {workload}", second) if colon else None


def _name(workload: str) -> str:
    return Path(workload).name.removesuffix(".gz").removesuffix(".json")


def _traces() -> ModuleType:
    """Return the codec, imported late: a Python without the packages can then say what is missing."""
    from tandemsim.traces import codec

    return codec


def _is_trace(workload: str) -> bool:
    try:
        _traces().find(workload)
    except TraceError:
        return False
    return True


def _number(what: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    require(number > 0 and math.isfinite(number), f"{what} must be a positive number", text)
    return number

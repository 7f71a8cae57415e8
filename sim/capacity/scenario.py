"""A scenario: a mix on a configured CPU, as data that travels to the processes that serve it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.cpu.network import network_tables
from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.serving.mixes import Mix
from tandemsim.sim.serving.search import least_latencies
from tandemsim.sim.serving.service import Service, make_service
from tandemsim.traces.schema import Trace

MS = 1e-3
PLACEMENTS = {"aligned": Placement.ALIGNED, "scattered": Placement.SCATTERED}
MAX_VERSIONS = 16  # assumed
MAX_PLAN_ERROR = 2.0  # assumed: a factor of 7


class TenantEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One network of the mix; `sim.serving.mixes.Tenant` has the rules."""

    name: str
    workload: str
    target_ms: float
    share: float


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and on what."""

    tenants: tuple[TenantEntry, ...]
    preset: str | None = None
    settings: dict[str, Any] = {}  # config fields, as ``--set`` takes them
    placement: str = "aligned"  # of threads: bound to cores, or `scattered` over all islands
    versions: int = 5  # of each layer, at most
    tuned_under_load: bool = False  # which version ships: the best on a busy machine, and not on an idle one
    plan_error: float = 0.0  # standard deviation of ln(planned time), of each version by itself
    target_factor: float = 1.0  # times every target

    def changed(self, **changes: Any) -> Scenario:
        """Return the scenario with other fields; `settings` are put on top of its own."""
        settings = {**self.settings, **changes.pop("settings", {})}
        return msgspec.structs.replace(self, settings=settings, **changes)


def scenario_of(mix: Mix, **fields: Any) -> Scenario:
    """Return the scenario of a mix."""
    tenants = tuple(
        TenantEntry(name=t.name, workload=t.workload, target_ms=t.target_ms, share=t.share)
        for t in mix.tenants
    )
    return Scenario(tenants=tenants, **fields)


def config_of(scenario: Scenario) -> Any:
    """Return the CPU's config. Raises `ConfigError`."""
    return CPU_FAMILY.config(scenario.preset, scenario.settings)


def service_of(scenario: Scenario, traces: Mapping[str, Trace], seed: int = 0) -> Service:
    """Return the service; `traces` by workload, and `seed` of the plan's errors. Raises `ConfigError`."""
    if scenario.placement not in PLACEMENTS:
        raise ConfigError(nearest("placement", scenario.placement, PLACEMENTS))
    require(
        1 <= scenario.versions <= MAX_VERSIONS,
        f"versions must be an integer in 1...{MAX_VERSIONS}",
        scenario.versions,
    )
    good = 0 <= scenario.plan_error <= MAX_PLAN_ERROR
    require(good, f"the plan's error must be a number in 0...{MAX_PLAN_ERROR:g}", scenario.plan_error)
    config = config_of(scenario)
    tenants = scenario.tenants
    tables = network_tables(
        [traces[tenant.workload] for tenant in tenants], config, versions=scenario.versions
    )

    def made(tables: Any) -> Service:
        return make_service(
            [tenant.name for tenant in tenants],
            tables,
            config.constants,
            [tenant.target_ms * MS * scenario.target_factor for tenant in tenants],
            [tenant.share for tenant in tenants],
            PLACEMENTS[scenario.placement],
            scenario.plan_error,
            seed,
        )

    service = made(tables)
    if scenario.tuned_under_load:
        service = made(tables._replace(shipped=_best_under_load(service)))
    return service


def _best_under_load(service: Service) -> Any:
    """Return for each layer the version with the least mean log time over all levels and 4...64 cores."""
    import numpy as np

    time = service.profile.time
    least = min(4, time.shape[2] - 1)
    score = np.log(time[:, :, least:]).mean(axis=(0, 2))
    first = service.tables.first_version
    return np.array([b + int(np.argmin(score[b:e])) for b, e in zip(first, first[1:], strict=False)])


def require_attainable(service: Service) -> None:
    """Raise `ConfigError`, with the latency alone, where a target cannot be met even on an idle machine."""
    for name, target, alone in zip(service.names, service.targets, least_latencies(service), strict=True):
        if alone > target:
            raise ConfigError(
                f"no policy can meet the target of {name}: alone on the machine it takes {alone / MS:.3g} ms,"
                f" and the target is {target / MS:.4g} ms"
            )

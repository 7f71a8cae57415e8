"""The families whose circuits get faults: their arrays, their units, and what tests/cosim runs on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amaranth.lib import wiring

from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.lib.names import unit_name
from tandemsim.rtl.salo.tile_engine import TileEngine
from tests.cosim import streams
from tests.cosim.ant import configs as ant_configs
from tests.cosim.ant import gemm
from tests.cosim.ant import scenarios as ant_scenarios
from tests.cosim.salo import configs as salo_configs
from tests.cosim.salo import engine
from tests.cosim.salo import scenarios as salo_scenarios
from tests.rtl.ant import units as ant_units
from tests.rtl.salo import units as salo_units
from tests.rtl.unit import Unit

Runs = Mapping[str, Callable[[Any, int], tuple[Any, ...]]]  # by name: of config and size


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A circuit with streams, in some configurations, and the units that it is made of."""

    circuit: type[wiring.Component]
    apart: tuple[type[wiring.Component], ...] = ()  # units that it does not hold
    configs: Mapping[str, Any]
    plain: tuple[str, ...]  # those of a campaign, unless others are asked for
    units: Mapping[str, Unit]  # as tests/rtl runs them alone
    inner: Mapping[str, str]  # submodules that are called otherwise than the unit that they are
    constants: Mapping[str, dict[str, int]] = field(default_factory=dict)  # inputs that a unit alone has not
    masks: re.Pattern[str]  # ports of instances that say what counts
    runs: Runs
    sizes: tuple[int, int]  # of a run: what `make test` takes, and `make cosim`
    expect: Callable[..., tuple[Any, streams.Expected]]  # of a config and what a run gives

    @property
    def top(self) -> str:
        """The module of the circuit."""
        return module(self.circuit)


def module(kind: type[wiring.Component]) -> str:
    """Return the module of a circuit, as RTLIL has it, without what tells configurations apart."""
    return "\\" + unit_name(kind)


FAMILIES: dict[str, Family] = {
    "salo": Family(
        circuit=TileEngine,
        configs=salo_configs.CONFIGS,
        plain=(*salo_configs.PLAIN,),
        units=salo_units.UNITS,
        inner={"reciprocal": "reciprocal_unit", "exp": "exp_unit"},
        constants={"\\pe.exp": {"exp_stage": 1}},
        masks=re.compile(r"(^|_)(valid|tag|enabled|first|leaves|free|reserve|ready)(_in)?$"),
        runs={name: getattr(salo_scenarios, name) for name in ("tiles", "pauses", "short")},
        sizes=(salo_scenarios.SOME, salo_scenarios.MANY),
        expect=engine.expect,
    ),
    "ant": Family(
        circuit=AntGemm,
        apart=(CodeEncoder,),
        configs=ant_configs.CONFIGS,
        plain=("weights", "sums", "weights_drain", "sums_drain", "nvfp4"),
        # Not `block_foot`, whose sums enter its module one by one and not as the port of the unit.
        units=ant_units.UNITS | {"tap": ant_units.TAPPED["tap"]},
        inner={"controller": "gemm_controller"},
        masks=re.compile(
            r"(^|_)(valid|enabled|first|last|starts|begins|ends|swap|go|moves|loads|reserve|ready)(_in)?$"
        ),
        runs={name: getattr(ant_scenarios, name) for name in ("tiles", "pauses", "short", "turns")},
        sizes=(ant_scenarios.SOME, ant_scenarios.MANY),
        expect=gemm.expect,
    ),
}
CONFIGS: dict[str, Any] = {
    name: made for family in FAMILIES.values() for name, made in family.configs.items()
}
PLAIN = [name for family in FAMILIES.values() for name in family.plain]


def family_of(config: str) -> Family:
    """Return the family that has a configuration of this name."""
    return next(family for family in FAMILIES.values() if config in family.configs)


def short(module: str) -> str:
    """Return a module as people call it: what lies in a whole circuit without the name of that."""
    name = module.removeprefix("\\")
    for family in FAMILIES.values():
        name = name.removeprefix(f"{family.top[1:]}.")
    return name

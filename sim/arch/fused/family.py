"""ANT beside SALO as a family: its preset, short names and catalogs."""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.family import Family, Preset
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.fused.presets import ANT_SALO
from tandemsim.sim.arch.salo.auto import AUTO, FROM_TRACE, auto_settings

SALO = "salo."  # before the names of the attention array's settings


def _follow(start: FusedConfig, config: FusedConfig, settings: Mapping[str, object]) -> Mapping[str, object]:
    own = {name.removeprefix(SALO): value for name, value in settings.items() if name.startswith(SALO)}
    follows = auto_settings(start.salo_config, config.salo.numerics, own)
    return {f"{SALO}{name}": value for name, value in follows.items()}


FUSED_FAMILY = Family(
    name="ant+salo",
    line="ANT beside SALO: products on the one array, sliding windows on the other, one DRAM",
    presets={
        "ant+salo": Preset(
            ANT_SALO, "presets ant and salo side by side, DDR4-2400 with two channels", bits=("trace", "4")
        ),
    },
    short_names={"dataflow": "ant.array.dataflow", "schedule": "ant.array.schedule"},
    catalogs={"memory": MEMORIES},
    fixed={
        "rows": "there are two arrays; ant.array.rows or salo.array.rows",
        "cols": "there are two arrays; ant.array.cols or salo.array.cols",
    },
    auto=tuple(f"{SALO}{name}" for name in (*FROM_TRACE, *AUTO)),
    follow=_follow,
)

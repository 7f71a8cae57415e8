"""SALO as a family: its presets, short names and catalogs, and what it cannot set."""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.family import Catalog, Family, Preset
from tandemsim.sim.arch.salo.auto import AUTO, auto_settings
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22


def _follow(start: SaloConfig, config: SaloConfig, settings: Mapping[str, object]) -> Mapping[str, object]:
    return auto_settings(start, config.numerics, settings)


SALO_FAMILY = Family(
    name="salo",
    line="SALO, DAC 2022: spatial array for sliding-window, dilated and global attention",
    presets={
        "salo": Preset(
            SALO,
            "what we would build: deferred division, two column segments, private global ports, DDR4-2400",
        ),
        "salo-dac22": Preset(
            SALO_DAC22,
            "what was published: division in each pass, every chunk runs, no memory bottleneck",
        ),
    },
    short_names={"rows": "array.rows", "cols": "array.cols", "schedule": "array.overlap"},
    catalogs={"memory": Catalog("dram", DRAMS), "numerics": Catalog("numerics", NUMERICS)},
    fixed={"dataflow": "the wiring keeps queries in place for QK and probabilities for PV"},
    auto=AUTO,
    follow=_follow,
)

"""SALO as a family: its presets, short names and catalogs, and what it cannot set."""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.dram.catalog import MEMORIES
from tandemsim.sim.arch.family import Catalog, Family, Preset
from tandemsim.sim.arch.salo.auto import AUTO, FROM_TRACE, auto_settings
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, SaloNumerics
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22


def _follow(start: SaloConfig, config: SaloConfig, settings: Mapping[str, object]) -> Mapping[str, object]:
    return auto_settings(start, config.numerics, settings)


def _numerics_line(numerics: SaloNumerics) -> str:
    return (
        f"inputs {numerics.input} stored in {numerics.storage_width} bits, scores {numerics.score},"
        f" weights {numerics.weight}, outputs {numerics.output} (b: bits, f: of them fraction)"
    )


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
    catalogs={
        "memory": MEMORIES,
        "numerics": Catalog("numerics", NUMERICS, "numerics", _numerics_line),
    },
    fixed={"dataflow": "the wiring keeps queries in place for QK and probabilities for PV"},
    auto=(*FROM_TRACE, *AUTO),
    follow=_follow,
)

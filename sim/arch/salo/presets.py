"""Presets: one constant for each machine, published or ours. Variants by `dataclasses.replace`, never by
inheritance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.dram.config import BufferConfig, Buffering, ScratchpadConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.auto import AUTO, AUTO_VALUE, auto_settings
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig, SaloScheduling
from tandemsim.sim.arch.salo.numerics import NUMERICS, PUBLISHED, Normalisation
from tandemsim.sim.arch.settings import with_settings

KIB = 1024

SALO = SaloConfig(
    array=SaloArray(
        column_segments=2,  # two 15-wide bands of ViL in one pass
        normalisation=Normalisation.DEFERRED,  # 130 cycles a pass in place of 163
        global_projections=GlobalProjections.PRIVATE,  # Longformer projects its global token apart
    ),
    numerics=PUBLISHED,
    # Elements are one byte. A granule of 32 keys is 2 KiB; a block of ViL at 56 x 56 reaches over 27 of them.
    query_scratchpad=BufferConfig(capacity_bytes=16 * KIB),
    key_scratchpad=ScratchpadConfig(capacity_bytes=64 * KIB, banks=64, ports=2, buffering=Buffering.CIRCULAR),
    value_scratchpad=ScratchpadConfig(
        capacity_bytes=64 * KIB, banks=64, ports=2, buffering=Buffering.CIRCULAR
    ),
    global_scratchpad=BufferConfig(capacity_bytes=32 * KIB),
    output_scratchpad=BufferConfig(capacity_bytes=16 * KIB),
    dram=DRAMS["ddr4-2400"],
    clock_hz=1_000_000_000,  # the clock of the published cost model
)

SALO_DAC22 = SaloConfig(
    array=SaloArray(),  # 32 x 32, one global row, one global column; divides in every pass
    numerics=PUBLISHED,
    # The published cost model runs every chunk of every block, and has no memory.
    scheduling=SaloScheduling(skip_masked=False, leftover_keys=False),
    # Sizes assumed: the artifact has one 16 KiB memory, used nowhere.
    query_scratchpad=replace(SALO.query_scratchpad),
    key_scratchpad=ScratchpadConfig(capacity_bytes=32 * KIB, banks=64, buffering=Buffering.CIRCULAR),
    value_scratchpad=ScratchpadConfig(capacity_bytes=32 * KIB, banks=64, buffering=Buffering.CIRCULAR),
    global_scratchpad=replace(SALO.global_scratchpad),
    output_scratchpad=BufferConfig(capacity_bytes=32 * KIB),
    dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=256_000_000_000),  # assumed: never the bottleneck
    clock_hz=1_000_000_000,  # the cost model's; the synthesis is stated at 500 MHz
)

SALO_PRESETS = {"salo": SALO, "salo-dac22": SALO_DAC22}

# What `--set` accepts beside dotted fields, on every array machine.
SALO_SHORT_NAMES = {
    "rows": "array.rows",
    "cols": "array.cols",
    "schedule": "array.overlap",
}

# Settings that put a whole catalogued section in place, and which: `--set memory=hbm2`.
SECTIONS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "memory": ("dram", DRAMS),
    "numerics": ("numerics", NUMERICS),
}


def configured(
    machine: str,
    presets: Mapping[str, SaloConfig],
    preset: str | None,
    settings: Mapping[str, object],
    short_names: Mapping[str, str],
) -> SaloConfig:
    """Return a preset's config (None: the first) with `settings` in place; whole sections come before fields.

    Fields that follow from others (`sim.arch.salo.auto`) do so unless they are set to a value. Raises
    `ConfigError`, which names the nearest, for a preset, a section or a field that does not exist.
    """
    name = next(iter(presets)) if preset is None else preset
    if name not in presets:
        raise ConfigError(nearest(f"preset of {machine}", name, presets))
    config = presets[name]
    for key, (section, choices) in SECTIONS.items():
        if key in settings:
            choice = str(settings[key])
            if choice not in choices:
                raise ConfigError(nearest(f"value of {key}", choice, choices))
            config = replace(config, **{section: choices[choice]})
    fields = {
        key: value
        for key, value in settings.items()
        if key not in SECTIONS and not (key in AUTO and value == AUTO_VALUE)
    }
    whole = {short_names.get(key, key): value for key, value in fields.items()}
    auto = auto_settings(presets[name], config.numerics, whole)
    return with_settings(config, auto | fields, {**short_names, **dict.fromkeys(SECTIONS, "")})

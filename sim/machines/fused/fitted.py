"""The config that the windows of a trace ask for: what follows from them on SALO, unless it is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tandemsim.sim.arch.fused.config import FusedConfig, salo_units
from tandemsim.sim.arch.fused.family import FUSED_FAMILY, SALO
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.machines.contract import Options
from tandemsim.sim.machines.fused.scope import windows
from tandemsim.sim.machines.salo.fitted import HEAD_DIM, LONGEST_HEAD, fitted_config
from tandemsim.traces.schema import Op


def fitted(options: Options, ops: Sequence[Op]) -> Options:
    """Return the options whose configs have room for the windows among `ops`."""

    def configured(settings: Mapping[str, object]) -> FusedConfig:
        config: FusedConfig = options.configured(settings)
        stated = {**options.settings, **settings}
        # Of a config that was built by hand nothing follows.
        plain = FUSED_FAMILY.config(options.preset, stated) == config

        def grown(more: Mapping[str, object]) -> SaloConfig:
            own = {f"{SALO}{name}": value for name, value in more.items()}
            whole: FusedConfig = FUSED_FAMILY.config(options.preset, {**stated, **own})
            return whole.salo_config

        grows = plain and f"{SALO}{HEAD_DIM}" not in stated
        fitting, _ = windows(ops, grown({HEAD_DIM: LONGEST_HEAD}) if grows else config.salo_config)
        if not fitting:
            return config
        of_salo = {name.removeprefix(SALO) for name in stated if name.startswith(SALO)}
        salo = fitted_config(config.salo_config, fitting, of_salo, grown if plain else None)
        return replace(config, salo=salo_units(salo))

    return replace(options, configured=configured)

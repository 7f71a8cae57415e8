"""Which array runs an op: windows that SALO can compute are its own, everything else is ANT's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.machines.ant import scope as of_ant
from tandemsim.sim.machines.salo import scope as of_salo
from tandemsim.traces.schema import Op

WINDOWS = "window_attention"


def reason(op: Op, config: FusedConfig) -> str | None:
    """Return why an op runs on neither array; None for one that runs."""
    return of_ant.reason(op, config.ant_config)


def selected(
    ops: Sequence[Op], config: FusedConfig, bits: Mapping[int, Bits]
) -> tuple[list[Op], Mapping[int, str]]:
    """Return those of `ops` that run, and by id why the others do not. Raises `ConfigError` if none runs."""
    return of_ant.selected(ops, config.ant_config, bits, FUSED_FAMILY.name)


def windows(ops: Sequence[Op], config: SaloConfig) -> tuple[list[Op], Mapping[int, str]]:
    """Return the window attentions of the SALO array, and by id why the ANT array runs the others."""
    reasons = {}
    for op in ops:
        if op.kind == WINDOWS and (why := _reason(op, config)) is not None:
            reasons[op.id] = why
    return [op for op in ops if op.kind == WINDOWS and op.id not in reasons], reasons


def _reason(op: Op, config: SaloConfig) -> str | None:
    why = of_salo.reason(op, config)
    longest = max(op.dim("head_dim"), op.dim("v_dim"))
    if why is None and longest > config.array.head_dim:
        return f"heads of {longest} elements are longer than salo.array.head_dim, {config.array.head_dim}"
    return why

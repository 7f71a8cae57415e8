"""What SALO runs of a trace: attention whose pairs are a pattern, and why it leaves out the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.traces.attention import ATTENTION
from tandemsim.traces.schema import Op

ONLY = "SALO computes attention only"
FULL = "full attention is left to machines without masks (as a pattern it runs: --pattern dense:TOKENS)"


def reason(op: Op, config: SaloConfig) -> str | None:
    """Return why `op`, an attention, does not run on `config`; None for one that does.

    Causal attention runs, as one band that ends at the query: half of the pairs are masked, so the array
    needs half of the passes. So does a single query, which stands at the last key. Other attention to all
    keys is left to machines without masks.
    """
    for operand, why in (("mask", "which pairs it lets in"), ("bias", "what it adds to the scores")):
        if op.operand(operand) is not None:
            return f"SALO has no port for a {operand}: it is a tensor, and a trace does not say {why}"
    if op.operand("sinks") is not None and not config.array.sinks:
        return "rows begin with a learned sink only where array.sinks=true"
    if op.dim("v_dim") != op.dim("head_dim") and not config.array.value_dims:
        return "values have another size than keys only where array.value_dims=true"
    if "softcap" in op.attrs:
        return "SALO has no unit for the tanh that caps the scores (softcap)"
    if op.kind != ATTENTION.name:
        return None
    if not op.attrs.get("causal", False):
        return None if op.dim("q_len") == 1 else FULL
    if op.dim("q_len") != op.dim("kv_len"):
        return "of fewer queries than keys, causal attention does not say at which tokens they stand"
    return None


def selected(ops: Sequence[Op], config: SaloConfig) -> tuple[list[Op], Mapping[int, str]]:
    """Return those of `ops` that run, and by id why the others do not. Raises `ConfigError` if none runs."""
    reasons = {op.id: why for op in ops if (why := reason(op, config)) is not None}
    running = [op for op in ops if op.id not in reasons]
    if not running:
        whys = ", ".join(dict.fromkeys(reasons.values()))
        raise ConfigError(f"salo runs none of the trace's {len(ops)} attention ops: {whys}")
    return running, reasons

"""The machine `salo`, as the commands know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Trace


class Salo:
    """Window attention on the SALO array, layer after layer. Obeys `sim.machines.contract.Machine`."""

    family: Family = SALO_FAMILY
    runs = frozenset({"window_attention"})
    takes = frozenset({"batch", "values", "explain"})

    def run(
        self,
        trace: Trace,
        ops: Sequence[Op],
        config: SaloConfig,
        options: Options,
        progress: Progress | None,
    ) -> Outcome:
        """Run the layers one after the other, each from an idle array."""
        from tandemsim.sim.machines.salo.outcome import outcome

        left_out = {op.id: reason for op in ops if (reason := _not_yet(op))}
        known = [op for op in ops if op.id not in left_out]
        if not known:
            raise ConfigError(next(iter(left_out.values())))
        return replace(outcome(known, config, options, progress), left_out=left_out)

    def reason(self, op: Op) -> str:
        """Return why `op` did not run."""
        return "SALO computes window attention only"

    def small(self) -> Trace:
        """Return one attention of two heads, with a global token."""
        return pattern_trace("sliding:96,9", heads=2, head_dim=16, global_tokens=1)


def _not_yet(op: Op) -> str:
    """Return why a window attention cannot run; an empty text if it can."""
    if op.dim("kv_heads") != op.dim("heads"):
        return "SALO does not run heads that share keys and values yet"
    if op.dim("v_dim") != op.dim("head_dim"):
        return "SALO does not run values of another size than the keys yet"
    named = [name for name in ("softcap", "operands") if op.attrs.get(name)]
    if named:
        return f"SALO does not run attention with {named[0]} yet"
    if Pattern.from_op(op).is_extended:
        return "SALO does not run patterns beyond cut-off windows and global tokens yet"
    return ""

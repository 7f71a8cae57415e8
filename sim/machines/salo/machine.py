"""The machine `salo`, as the commands know it."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.salo.scope import ONLY, reason
from tandemsim.sim.pattern_trace import pattern_trace
from tandemsim.traces.schema import Op, Trace


class Salo:
    """Window attention and causal attention on the SALO array, layer after layer.

    Obeys `sim.machines.contract.Machine`.
    """

    family: Family = SALO_FAMILY
    runs = frozenset({"window_attention", "attention"})
    default_for = frozenset({"window_attention"})
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

        return outcome(ops, config, options, progress)

    def check(self, trace: Trace, ops: Sequence[Op], config: SaloConfig, options: Options) -> None:
        """Raise `UserError` where none of the ops runs, and for tensors that do not fit."""
        from tandemsim.sim.machines.salo.outcome import given_work

        given_work(ops, config, options)

    def declines(self, op: Op, config: SaloConfig) -> str | None:
        """Return why an attention does not run; None for one that does."""
        return reason(op, config)

    def reason(self, op: Op) -> str:
        """Return why `op` did not run."""
        return ONLY

    def small(self) -> Trace:
        """Return one attention of two heads, with a global token."""
        return pattern_trace("sliding:96,9", heads=2, head_dim=16, global_tokens=1)

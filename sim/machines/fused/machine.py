"""The machine `ant+salo`, as the commands know it."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.ant.lowering import RUNS
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.fused.scope import reason
from tandemsim.sim.machines.fused.small import small_trace
from tandemsim.traces.schema import Op, Trace


class Fused:
    """Whole models on two arrays: windows on SALO, all else on ANT.

    Obeys `sim.machines.contract.Machine`.
    """

    family: Family = FUSED_FAMILY
    runs = RUNS
    default_for: frozenset[str] = frozenset()  # by name alone
    takes = frozenset({"batch", "bits", "explain"})

    def run(
        self,
        trace: Trace,
        ops: Sequence[Op],
        config: FusedConfig,
        options: Options,
        progress: Progress | None,
    ) -> Outcome:
        """Run the ops; both arrays, the vector unit and transfers overlap as far as their order allows."""
        from tandemsim.sim.machines.fused.outcome import outcome

        return outcome(trace, ops, config, options, progress)

    def check(self, trace: Trace, ops: Sequence[Op], config: FusedConfig, options: Options) -> None:
        """Raise `UserError` for operand widths that do not fit, and where none of the ops runs."""
        from tandemsim.sim.machines.fused.outcome import given_work

        given_work(trace, ops, config, options)

    def declines(self, op: Op, config: FusedConfig) -> str | None:
        """Return why an op does not run on `config`; None for one that does."""
        return reason(op, config)

    def reason(self, op: Op) -> str:
        """Return why `op` did not run."""
        return f"neither array has a unit for {op.kind}"

    def small(self) -> Trace:
        """Return windows between their projections, a norm and a convolution."""
        return small_trace()

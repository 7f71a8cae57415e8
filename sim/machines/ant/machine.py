"""The machine `ant`, as the commands know it."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.ant.lowering import RUNS
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.ant.scope import reason
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.traces.schema import Op, Trace


class Ant:
    """Whole models on the ANT array and its vector unit.

    Obeys `sim.machines.contract.Machine`.
    """

    family: Family = ANT_FAMILY
    runs = default_for = RUNS
    takes = frozenset({"batch", "bits", "explain", "values"})

    def run(
        self,
        trace: Trace,
        ops: Sequence[Op],
        config: AntConfig,
        options: Options,
        progress: Progress | None,
    ) -> Outcome:
        """Run the ops; engines and transfers overlap as far as their order allows."""
        from tandemsim.sim.machines.ant.outcome import outcome

        return outcome(trace, ops, config, options, progress)

    def check(self, trace: Trace, ops: Sequence[Op], config: AntConfig, options: Options) -> None:
        """Raise `UserError` for operand widths and values that do not fit, and where none of the ops runs."""
        from tandemsim.sim.machines.ant.outcome import given_work

        given_work(trace, ops, config, options)

    def declines(self, op: Op, config: AntConfig) -> str | None:
        """Return why an op does not run on `config`; None for one that does."""
        return reason(op, config)

    def reason(self, op: Op) -> str:
        """Return why `op` did not run."""
        return f"ANT has no unit for {op.kind}"

    def small(self) -> Trace:
        """Return two products, attention and what stands between them."""
        return small_trace()

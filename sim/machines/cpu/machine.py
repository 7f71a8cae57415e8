"""The machine `cpu`, as the commands know it."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.cpu.small import small_trace
from tandemsim.sim.serving.joint import tenants_of
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.schema import Op, Trace


class Cpu:
    """Whole models on a CPU of many cores, every kind of op.

    Obeys `sim.machines.contract.Machine`.
    """

    family: Family = CPU_FAMILY
    runs = default_for = frozenset(KINDS)  # the last of the machines: the default where no other runs an op
    takes = frozenset({"batch", "explain"})

    def run(
        self,
        trace: Trace,
        ops: Sequence[Op],
        config: CpuConfig,
        options: Options,
        progress: Progress | None,
    ) -> Outcome:
        """Run the ops, layer after layer, each on all cores; of a mix one query of each network at once."""
        self.check(trace, ops, config, options)
        if tenants_of(trace):
            from tandemsim.sim.machines.cpu.mix_outcome import mix_outcome

            return mix_outcome(trace, ops, config, options)
        from tandemsim.sim.machines.cpu.outcome import outcome

        return outcome(trace, ops, config, options, progress)

    def check(self, trace: Trace, ops: Sequence[Op], config: CpuConfig, options: Options) -> None:
        """Refuse what a mix cannot be asked for; whatever else is given runs."""
        if tenants_of(trace):
            require(
                not options.explain,
                "--explain must be asked of one network, not of a mix",
                trace.source.model,
            )

    def declines(self, op: Op, config: CpuConfig) -> str | None:
        """Every op runs."""
        return None

    def reason(self, op: Op) -> str:
        """Return why `op` did not run; there is no such op."""
        return f"the CPU has no code for {op.kind}"

    def small(self) -> Trace:
        """Return two products, attention, and what stands between them."""
        return small_trace()

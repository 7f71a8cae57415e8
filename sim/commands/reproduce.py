"""``tandem reproduce``: runs our machines for a paper's comparison, and shows the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tandemsim.sim.machines.table import MACHINES
from tandemsim.sim.papers.comparison import document, print_table
from tandemsim.sim.papers.cpu_baseline import measure_cpu
from tandemsim.sim.papers.salo.rows import PAPER, Ours, salo_rows
from tandemsim.sim.papers.salo.steps import TRACES
from tandemsim.sim.run import Progress, tell_of_compilation
from tandemsim.sim.salo.machine import KIND, simulate_op
from tandemsim.sim.shell.files import standard_output, written
from tandemsim.traces import codec

PAPERS = {"salo": PAPER}


def reproduce(paper: str, target: str | None, *, show: bool, progress: Progress | None) -> None:
    """Compare; write the rows as JSON to `target`, and show them as a table unless told not to."""
    if progress:
        progress("this machine's CPU", 0, 1)
    cpu = measure_cpu()
    if progress:
        progress("this machine's CPU", 1, 1)
    tell_of_compilation(progress)
    rows = salo_rows(_runs(progress), cpu)
    if target is not None:
        with written(target) as stream:
            stream.write(
                (json.dumps(document(PAPERS[paper], rows), indent=1, ensure_ascii=False) + "\n").encode()
            )
    if show:
        with standard_output() as out:
            print_table(PAPERS[paper], rows, out)


def _runs(progress: Progress | None) -> Ours:
    """Return the function that runs a workload of the comparison on our machine."""
    done = 0

    def ours(workload: str, preset: str, settings: Mapping[str, str]) -> Mapping[str, float]:
        nonlocal done
        done += 1
        trace, index = TRACES[workload]
        ops = [op for op in codec.load(codec.find(trace)).ops if op.kind == KIND]
        config = MACHINES["salo"].config(preset, settings)
        result = simulate_op(ops[index], config)
        if progress:
            progress("runs", done, done + 1)
        return {
            "cycles": result.cycles,
            "compute_cycles": result.compute_cycles,
            "tiles": result.program.tiles,
            "utilization": result.macs / (result.cycles * config.array.pes),
            "seconds": result.cycles / config.clock_hz,
        }

    return ours

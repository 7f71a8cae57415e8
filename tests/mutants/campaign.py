"""All faults of a run: chosen, built, and judged stage by stage by a few processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

from tests.cosim import harness
from tests.mutants import judge, netlist, structure, tops, yosys_list
from tests.mutants.families import CONFIGS
from tests.mutants.faults import Fault, parse
from tests.mutants.graft import graft
from tests.mutants.rtlil import Module

SOURCES = ("yosys", "structure")


class Verdict(NamedTuple):
    """What became of a fault: the stage that caught it, or nothing, and what differed."""

    fault: Fault
    stage: str
    difference: str


def choose(count: int, seed: int, sources: Iterable[str], configs: Iterable[str]) -> dict[str, list[Fault]]:
    """Return about `count` faults by config: as many of each config and source."""
    pairs = [(config, source) for config in configs for source in sources]
    shares = [count // len(pairs) + (index < count % len(pairs)) for index in range(len(pairs))]
    chosen: dict[str, list[Fault]] = {config: [] for config, _ in pairs}
    for (config, source), share in zip(pairs, shares, strict=True):
        modules = netlist.netlist(config)
        if source == "yosys":
            chosen[config] += yosys_list.chosen(config, modules, share, seed)
        else:
            chosen[config] += structure.pick(structure.every(config, modules, seed), share, seed)
    return chosen


def by_name(names: Iterable[str]) -> dict[str, list[Fault]]:
    """Return the faults of these names by config."""
    chosen: dict[str, list[Fault]] = {}
    netlists: dict[str, dict[str, Module]] = {}
    for name in names:
        config = name.partition("/")[0]
        if config not in CONFIGS:
            raise ValueError(f"a fault's name begins with a config, one of {', '.join(CONFIGS)}, not {name}")
        if config not in netlists:
            netlists[config] = netlist.netlist(config)
        fault = parse(name, netlists[config])
        if not structure.is_possible(fault, netlists[config]):
            raise ValueError(f"without that register the circuit has a loop: {name}")
        chosen.setdefault(config, []).append(fault)
    return chosen


class Campaign:
    """Judges faults on one simulator."""

    def __init__(self, faults: dict[str, list[Fault]], simulator: str, jobs: int) -> None:
        self._faults, self._simulator, self._jobs = faults, simulator, jobs
        self._netlists: dict[str, dict[str, Module]] = {}
        self._built: dict[tuple[str, str], harness.Build] = {}

    def run(
        self,
        stages: Iterable[str] = tuple(judge.STAGES),
        on_verdict: Callable[[Verdict], None] = lambda _: None,
    ) -> list[Verdict]:
        """Return the verdicts in the order of the faults; tell each as soon as it is known.

        Raises `AssertionError` when the netlist without a fault differs from the model.
        """
        left = {(c, number): fault for c in self._faults for number, fault in enumerate(self._faults[c], 1)}
        order = list(left.values())
        verdicts: dict[str, Verdict] = {}

        def known(fault: Fault, stage: str, difference: str) -> None:
            verdicts[fault.name] = Verdict(fault, stage, difference)
            on_verdict(verdicts[fault.name])

        fork = multiprocessing.get_context("fork")  # the netlists and kernels are loaded once
        with ProcessPoolExecutor(self._jobs, fork) as pool:
            for stage in stages:
                below = {key: judge.top_of(stage, fault) for key, fault in left.items()}
                below = {key: top for key, top in below.items() if top}
                self._build(pool, {(key[0], top) for key, top in below.items()})
                for job, difference in self._judge(pool, stage, below):
                    if job.number == 0 and difference:
                        raise AssertionError(f"{job.config}, {stage}, without a fault: {difference}")
                    if job.number and difference:
                        known(left.pop((job.config, job.number)), stage, difference)
        for fault in left.values():
            known(fault, "", "")
        return [verdicts[fault.name] for fault in order]

    def _build(self, pool: ProcessPoolExecutor, wanted: set[tuple[str, str]]) -> None:
        waiting: dict[Future[harness.Build], tuple[str, str]] = {}
        for config, top in sorted(wanted - set(self._built)):
            if config not in self._netlists:
                self._netlists[config] = netlist.netlist(config)
                graft(self._netlists[config], self._faults[config])
            text = tops.top_verilog(config, self._netlists[config], top)
            waiting[pool.submit(judge.build, config, top, text, self._simulator)] = config, top
        self._built |= {waiting[future]: future.result() for future in as_completed(waiting)}

    def _judge(
        self, pool: ProcessPoolExecutor, stage: str, below: dict[tuple[str, int], str]
    ) -> Iterator[tuple[judge.Job, Any]]:
        """Yield each job and its outcome; those without a fault first."""
        controls = {judge.Job(config, stage, top, 0) for (config, _), top in below.items()}
        jobs = [judge.Job(config, stage, top, number) for (config, number), top in below.items()]
        waiting = {
            pool.submit(judge.run, job, self._built[job.config, job.top]): job
            for job in [*sorted(controls), *jobs]
        }
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            for future in waiting:
                future.cancel()

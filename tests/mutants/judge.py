"""Runs faults against the stimuli of tests/cosim and tests/rtl, the cheap ones first.

A fault is caught when the bench sees anything that the model does not say, or does not come to an end.
"""

from __future__ import annotations

import io
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from tests.cosim import harness, streams
from tests.mutants import tops
from tests.mutants.families import family_of
from tests.mutants.faults import Fault
from tests.mutants.graft import INPUT
from tests.rtl.unit import MANY, SEED, SOME, assert_shown, expect

SECONDS = 300  # of processor time for one run, which takes about one


class Job(NamedTuple):
    """A run: the stimulus of a stage on the netlist of a config below `top`, with fault `number`."""

    config: str
    stage: str
    top: str
    number: int


Outcome = str | None  # what differed
Prepared = tuple[dict[str, Any], Callable[[Any], None]]


def top_of(stage: str, fault: Fault) -> str:
    """Return the module below which a stage runs a fault; nothing where it does not."""
    family, module = family_of(fault.config), fault.module
    if stage.startswith("unit"):
        return module if tops.unit_of(family, module) else ""
    if stage.startswith("around"):
        return tops.around(family, module)
    return family.top if stage.partition("-")[0] in family.runs and tops.holds(family, module) else ""


def build(config: str, top: str, text: str, simulator: str) -> harness.Build:
    """Return a module's Verilog, built."""
    return harness.build(tops.component(config, top), simulator, text)


def run(job: Job, built: harness.Build) -> Outcome:
    """Run a job; return None if nobody could tell the fault from the model."""
    name, key = f"{job.stage}-{job.number}", job._replace(number=0)
    if key not in _PREPARED:
        with redirect_stdout(io.StringIO()):  # the scenarios tell their seeds
            _PREPARED[key] = _prepared(job, built)
    stimulus, differ = _PREPARED[key]
    constants = {INPUT: job.number, **family_of(job.config).constants.get(job.top, {})}
    try:
        with _limited():
            seen = built.run({**stimulus, "constants": constants}, name)
        differ(seen)
    except AssertionError as error:
        lines = str(error).strip().splitlines()
        return next((line.strip() for line in reversed(lines) if "Error:" in line), lines[0])
    finally:
        _forget(built.folder, name)
    return None


def _prepared(job: Job, built: harness.Build) -> Prepared:
    """Return what the bench drives, and what holds what it saw to the model."""
    family = family_of(job.config)
    machine, (kind, _, more) = family.configs[job.config], job.stage.partition("-")
    if job.top == family.top:
        _, expected = family.expect(machine, *family.runs[kind](machine, family.sizes[bool(more)]))
        return expected.stimulus, lambda seen: streams.assert_seen(expected, seen)
    unit = family.units[tops.unit_of(family, job.top)]
    inputs = unit.inputs(machine, SEED, (SOME, MANY)[bool(more)])
    wanted = expect(unit, machine, inputs)
    return harness.rows(built, inputs), lambda seen: assert_shown(wanted, harness.shown(built, seen))


@contextmanager
def _limited() -> Iterator[None]:
    """Let nothing that is started run for ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _forget(folder: Path, name: str) -> None:
    for path in folder.glob(f"{name}.*"):
        path.unlink()


# What `make cosim` runs, in the amount of `make test` first. "around" is the stimulus of the unit in which
# the unit with the fault lies.
KINDS = ("tiles", "pauses", "short", "turns", "unit", "around")
STAGES = (*KINDS, *(f"{kind}-more" for kind in KINDS))
_PREPARED: dict[Job, Prepared] = {}  # by job without a fault

"""``tandem run``: from its options to a request, and from what it found to files and text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.arch.salo.presets import SECTIONS
from tandemsim.sim.commands.progress import progress
from tandemsim.sim.machines.table import MACHINES, machine_named
from tandemsim.sim.shell.files import (
    STDOUT,
    is_same_file,
    printable,
    require_writable_file,
    require_writable_folder,
    standard_output,
)
from tandemsim.sim.shell.settings_files import (
    Given,
    as_toml,
    changed,
    merged,
    settings_from_arguments,
    settings_from_file,
)

if TYPE_CHECKING:
    from tandemsim.sim.run import Request, Run
    from tandemsim.traces.schema import Trace


def run(chosen: argparse.Namespace) -> None:
    """Run a workload and write what was asked for. Raises `UserError` and `TraceError`."""
    if chosen.json == chosen.timeline == STDOUT:
        raise ConfigError("only one of --json and --timeline may be -")
    if chosen.json and chosen.timeline and is_same_file(chosen.json, chosen.timeline):
        raise ConfigError(f"--json and --timeline must be two files, not both {chosen.json!r}")
    for target in (chosen.json, chosen.timeline):
        if target is not None:
            require_writable_file(target)
    if chosen.out is not None:
        require_writable_folder(chosen.out)
    if chosen.dump_config:
        _dump(chosen)
        return
    request = _request(chosen)
    from tandemsim.sim.run import simulate

    with progress(chosen.quiet) as told:
        done = simulate(request, told)
    _write(chosen, done)


def _request(chosen: argparse.Namespace) -> Request:
    from tandemsim.sim.run import Request

    machine, preset, settings = _settings(chosen)
    trace = _trace(chosen)
    return Request(
        workload=chosen.pattern or chosen.workload,
        trace=trace,
        only=chosen.only,
        machine=machine,
        preset=preset,
        settings=settings,
        batch=chosen.batch,
        functional=chosen.functional is not False,
        tensors=Path(chosen.functional) if isinstance(chosen.functional, str) else None,
        seed=chosen.seed,
        explain=chosen.explain,
    )


def _trace(chosen: argparse.Namespace) -> Trace | None:
    """Return the trace that --pattern means; None where a workload is named."""
    if (chosen.pattern is None) == (chosen.workload is None):
        told = f"only one of --pattern and a workload may be given, not also {shown(chosen.workload)}"
        raise ConfigError(told if chosen.pattern else "a workload is missing: a name, a file or --pattern")
    options = {"heads": chosen.heads, "head_dim": chosen.head_dim, "global_tokens": chosen.global_tokens}
    given = {name: value for name, value in options.items() if value is not None}
    if chosen.pattern is not None:
        from tandemsim.sim.pattern_trace import pattern_trace

        return pattern_trace(chosen.pattern, **given)
    for name in given:
        raise ConfigError(f"--{name.replace('_', '-')} goes with --pattern")
    return None


def _dump(chosen: argparse.Namespace) -> None:
    """Print the config that a run would have."""
    name, preset, settings = _settings(chosen)
    machine = machine_named(next(iter(MACHINES)) if name is None else name)
    preset = next(iter(machine.presets)) if preset is None else preset
    config = machine.config(preset, settings)
    with standard_output() as out:
        out.write(as_toml(machine.name, preset, machine.stated(config, settings), config))


def _settings(chosen: argparse.Namespace) -> tuple[str | None, str | None, dict[str, object]]:
    """Return machine, preset and settings: those of --config, and on top what the command line says."""
    given = settings_from_file(chosen.config) if chosen.config is not None else Given({}, {})
    name = given.machine if chosen.machine is None else chosen.machine
    preset = given.preset if chosen.preset is None else chosen.preset
    machine = machine_named(next(iter(MACHINES)) if name is None else name)
    words, settings = settings_from_arguments(chosen.settings), given.settings
    if given.config:
        # Settings as they were given, and what else differs, say because a preset has changed since. Of a
        # section that the command line puts in place no field of the one before is kept.
        replaced = tuple(f"{SECTIONS[key][0]}." for key in words if key in SECTIONS)
        other = changed(machine.config(preset, settings), given.config)
        other = {key: value for key, value in other.items() if not key.startswith(replaced)}
        settings = merged(settings, other, machine.short_names)
    return name, preset, merged(settings, words, machine.short_names)


def _write(chosen: argparse.Namespace, done: Run) -> None:
    """Write what was asked for: files first, so that nobody who leaves a pipe takes them along."""
    outputs = {"json": chosen.json, "timeline": chosen.timeline, "out": chosen.out}
    for what in sorted(outputs, key=lambda what: outputs[what] == STDOUT):
        if outputs[what] is not None:
            _WRITERS[what](outputs[what], done)
    if not chosen.quiet and STDOUT not in (chosen.json, chosen.timeline):
        _print_report(chosen.out, done)


def _write_json(path: str, done: Run) -> None:
    from tandemsim.sim.report.folder import write_json

    write_json(path, done.report)


def _write_timeline(path: str, done: Run) -> None:
    from tandemsim.sim.report.timeline import write_timeline

    write_timeline(path, done.report, done.timeline, done.activity)


def _write_folder(path: str, done: Run) -> None:
    from tandemsim.sim.report.folder import write_folder

    write_folder(path, done.report, done.timeline, done.activity)


_WRITERS = {"json": _write_json, "timeline": _write_timeline, "out": _write_folder}


def _print_report(folder: str | None, done: Run) -> None:
    from tandemsim.sim.report.text import print_report, print_text

    with standard_output() as out:
        print_report(done.report, out)
        if folder is not None:
            hint = "open report.html, or timeline.json.gz in ui.perfetto.dev"
            print_text(f"\nwritten to {printable(folder)}: {hint}\n", out)

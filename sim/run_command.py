"""``tandem run``: from its options to a request, and from what it found to files and text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.arch.checks import ConfigError, settings_from_arguments, settings_from_toml
from sim.progress import progress

if TYPE_CHECKING:
    from sim.run import Request, Run

RANDOM = object()  # --functional without a file


def run(chosen: argparse.Namespace) -> None:
    """Run a workload and write what was asked for. Raises `UserError` and `TraceError`."""
    from sim.arch.files import STDOUT, is_same_file, require_writable_file, require_writable_folder

    if chosen.json == chosen.timeline == STDOUT:
        raise ConfigError("only one of --json and --timeline may be -")
    if chosen.json and chosen.timeline and is_same_file(chosen.json, chosen.timeline):
        raise ConfigError(f"--json and --timeline must be two files, not both {chosen.json!r}")
    for target in (chosen.json, chosen.timeline):
        if target is not None:
            require_writable_file(target)
    if chosen.out is not None:
        require_writable_folder(chosen.out)
    request = _request(chosen)
    from sim.run import simulate

    with progress(chosen.quiet) as told:
        done = simulate(request, told)
    _write(chosen, done)


def _request(chosen: argparse.Namespace) -> Request:
    from sim.run import Request

    settings: dict[str, object] = {**settings_from_toml(chosen.config)} if chosen.config else {}
    settings |= settings_from_arguments(chosen.settings)
    return Request(
        workload=chosen.workload,
        machine=chosen.machine,
        preset=chosen.preset,
        settings=settings,
        batch=chosen.batch,
        functional=chosen.functional is not None,
        tensors=None if chosen.functional in (None, RANDOM) else Path(chosen.functional),
        seed=chosen.seed,
    )


def _write(chosen: argparse.Namespace, done: Run) -> None:
    """Write what was asked for: files first, so that nobody who leaves a pipe takes them along."""
    from sim.arch.files import STDOUT

    outputs = {"json": chosen.json, "timeline": chosen.timeline, "out": chosen.out}
    for what in sorted(outputs, key=lambda what: outputs[what] == STDOUT):
        if outputs[what] is not None:
            _WRITERS[what](outputs[what], done)
    if not chosen.quiet and STDOUT not in (chosen.json, chosen.timeline):
        _print_report(chosen.out, done)


def _write_json(path: str, done: Run) -> None:
    from sim.report_folder import write_json

    write_json(path, done.report)


def _write_timeline(path: str, done: Run) -> None:
    from sim.timeline import write_timeline

    write_timeline(path, done.report, done.timeline, done.activity)


def _write_folder(path: str, done: Run) -> None:
    from sim.report_folder import write_folder

    write_folder(path, done.report, done.timeline, done.activity)


_WRITERS = {"json": _write_json, "timeline": _write_timeline, "out": _write_folder}


def _print_report(folder: str | None, done: Run) -> None:
    from sim.arch.files import printable, standard_output
    from sim.report_text import print_report, print_text

    with standard_output() as out:
        print_report(done.report, out)
        if folder is not None:
            hint = "open report.html, or timeline.json.gz in ui.perfetto.dev"
            print_text(f"\nwritten to {printable(folder)}: {hint}\n", out)

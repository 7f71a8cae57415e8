"""``python -m workloads.onnx MODEL.onnx --out TRACE.json``: write the trace of an ONNX file.

The trace depends on shapes alone: weights are not read, and need not be there.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tandemsim.sim.shell.command_line import Parser, answered, installed_by
from tandemsim.traces.codec import save

SPEAKER = "workloads"  # begins the line that says what is wrong

with installed_by(SPEAKER, "pip install 'tandemsim[onnx]'"):
    from tandemsim.workloads.onnx.inputs import parse_input
    from tandemsim.workloads.onnx.model import import_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    options = _parser().parse_args(arguments)
    return answered(SPEAKER, lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    trace = import_file(options.model, [parse_input(text) for text in options.input])
    save(trace, options.out)
    for note in trace.source.configuration.get("not_modeled", ()):
        print(f"{options.model}: {note}", file=sys.stderr)
    line = f"{options.out}: {len(trace.ops)} ops, {trace.macs / 1e9:.3f} GMAC, digest {trace.digest[:12]}"
    print(line, file=sys.stderr)


def _parser() -> Parser:
    parser = Parser("python -m workloads.onnx", SPEAKER, description="Write the trace of an ONNX file.")
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="opset 7 and later")
    inputs = "the shape of an input that the file leaves open, such as ids=1x128; axes of one name are alike"
    parser.add_argument("--input", action="append", default=[], metavar="NAME=SHAPE", help=inputs)
    out = "the trace, .json or .json.gz"
    parser.add_argument("--out", type=Path, required=True, metavar="TRACE.json", help=out)
    return parser


if __name__ == "__main__":
    finish(main)

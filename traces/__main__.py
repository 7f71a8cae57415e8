"""The command line of the traces: ``python -m traces TRACE``, ``convert``, ``kinds`` and ``schema``.

Wrong input is one line on stderr and exit code 2; what is printed on request goes to stdout, all else to
stderr.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.shell.command_line import USER_FAULT, Parser, tell_fault
from tandemsim.sim.shell.files import written
from tandemsim.traces.codec import SUFFIXES, dumps, find, load, names, save
from tandemsim.traces.errors import TraceError
from tandemsim.traces.json_schema import json_schema
from tandemsim.traces.kind_table import kind_table
from tandemsim.traces.limits import MAX_TABLE_BYTES, as_text, read_document
from tandemsim.traces.scalesim import from_csv, to_csv
from tandemsim.traces.schema import Trace
from tandemsim.traces.summary import summary

SPEAKER = "traces"  # begins the line that says what is wrong

USAGE = """python -m traces TRACE
       python -m traces convert FILE --out FILE
       python -m traces kinds
       python -m traces schema [--out FILE]"""

DESCRIPTION = (
    "Summarize a trace, convert it from or to SCALE-Sim's CSV, or print the kinds of op or the JSON Schema."
)

KINDS = "Print the kinds of op with their dims, inputs and multiply-accumulates, as a table in Markdown."

CONVERT = """Convert a SCALE-Sim topology (.csv) to a trace (.json or .json.gz), or a trace to a topology.
GEMM (Layer, M, N, K) or convolution (Layer name, IFMAP Height, ...) is recognized by the header; layer names
are kept, a batch column is used; rows that hold only a title and other columns are left out and listed on
stderr. Of a trace, the gemm and conv2d ops are written; what SCALE-Sim cannot express is listed on stderr."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {"convert": _convert, "kinds": _kinds, "schema": _schema}
    try:
        if words and words[0] in commands:
            commands[words[0]](words[1:])
        else:
            _summary(words)
    except UserError as error:
        tell_fault(SPEAKER, str(error))
        return USER_FAULT
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        pass
    return 0


def _summary(words: Sequence[str]) -> None:
    parser = Parser("python -m traces", SPEAKER, usage=USAGE, description=DESCRIPTION)
    stored = ", ".join(names())
    parser.add_argument("trace", help=f"a .json or .json.gz file, or the name of a stored one: {stored}")
    text = summary(load(find(parser.parse_args(words).trace))) + "\n"
    _write(text.encode(getattr(sys.stdout, "encoding", None) or "utf-8", "replace"), "-")


def _convert(words: Sequence[str]) -> None:
    parser = Parser("python -m traces convert", SPEAKER, description=CONVERT)
    parser.add_argument("file", help="a topology (.csv), a trace, or the name of a stored trace")
    parser.add_argument("--out", required=True, metavar="FILE", help="what to write; - for stdout")
    options = parser.parse_args(words)
    if options.file.lower().endswith(".csv"):
        trace, said = _read_topology(Path(options.file))
        _write_trace(trace, options.out)
        for line in said:
            print(line, file=sys.stderr)
        return
    if options.out.endswith(SUFFIXES):
        raise TraceError(f"a topology is a table: its name must end in .csv, not {options.out!r}")
    text, left_out = to_csv(load(find(options.file)))
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    _write(text.encode(), options.out)


def _kinds(words: Sequence[str]) -> None:
    """Print the table of docs/traces.md."""
    Parser("python -m traces kinds", SPEAKER, description=KINDS).parse_args(words)
    _write(f"{kind_table()}\n".encode(), "-")


def _schema(words: Sequence[str]) -> None:
    parser = Parser("python -m traces schema", SPEAKER, description="Print the JSON Schema.")
    parser.add_argument("--out", default="-", metavar="FILE", help="what to write instead of stdout")
    _write(json.dumps(json_schema(), indent=2).encode() + b"\n", parser.parse_args(words).out)


def _read_topology(path: Path) -> tuple[Trace, list[str]]:
    try:
        return from_csv(as_text(read_document(path, MAX_TABLE_BYTES)), path.stem)
    except TraceError as error:
        raise error.located(file=str(path)) from None


def _write_trace(trace: Trace, out: str) -> None:
    if out == "-":
        _write(dumps(trace), out)
    else:
        save(trace, out)


def _write(data: bytes, out: str) -> None:
    with written(out) as stream:
        stream.write(data)


if __name__ == "__main__":
    finish(main)

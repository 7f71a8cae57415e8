"""The commands of ``tandem``, and their exit codes. Obeys docs/design.md, "The commands".

Results go to stdout, progress and messages to stderr. Heavy libraries are imported by the command that needs
them. A command is a module of this folder with ``add(commands)``, which describes its options, and a function
that runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
from collections.abc import Sequence
from typing import Any

from tandemsim.sim.arch.checks import UserError, nearest
from tandemsim.sim.commands import cache, calibrate, compare, reproduce, run, serve, sweep
from tandemsim.sim.commands import list as list_command
from tandemsim.sim.shell.command_line import RUN_FAULT, USER_FAULT, Parser, tell_fault
from tandemsim.sim.shell.files import standard_output
from tandemsim.sim.shell.stopping import SIGNALED
from tandemsim.sim.shell.version import __version__

COMMANDS = (run, compare, sweep, serve, cache, list_command, reproduce, calibrate)  # in the order of `--help`
EXAMPLES = """\
examples:
  tandem run longformer                                  Longformer's attention on SALO, as text
  tandem run vil-medium-wide --out build/vil             and report.html, plots, Parquet, timeline
  tandem run longformer --preset salo-dac22 --json -     the published machine, as JSON alone
  tandem run longformer --set rows=16 --set dram.channels=2 --set memory=hbm2
  tandem run --pattern longformer:4096,512 --heads 12    one attention, without a file
  tandem run my_model.json --functional my_tensors.npz   values through the fixed-point array
  tandem compare longformer --vary memory=ddr4-2400,hbm2 --vary rows=16,32   four runs side by side
  tandem list fields                                     what --set takes, with defaults and choices
  tandem sweep study.toml                                many runs as one table, and their Pareto front
  tandem serve medium --policy veltair --load 200        two networks that share one CPU
  tandem reproduce salo                                  paper | published cost model | ours
"""


class Program(Parser):
    """The parser of the program, which knows its commands."""

    commands: argparse._SubParsersAction[Parser]


class Help(argparse.Action):
    """Shows the help of the program, of a command, or the glossary, and ends."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        commands = parser.commands.choices
        if values == "glossary":
            with contextlib.suppress(BrokenPipeError):  # `head` has seen enough
                _show_glossary()
        elif values is None or values in commands:
            (commands[values] if values else parser).print_help()
        else:
            parser.error(nearest("help topic", values, [*commands, "glossary"]))
        parser.exit()


def _show_glossary() -> None:
    from tandemsim.sim.report.glossary import glossary_text

    with standard_output() as out:
        print(glossary_text(min(shutil.get_terminal_size((100, 0)).columns, 100)), file=out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    chosen, rest = _parser().parse_known_args(arguments)
    if rest:
        chosen.parser.refuse(rest[0])
    try:
        chosen.command(chosen)
    except UserError as error:
        return _failed(USER_FAULT, str(error))
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "tandemsim":
            raise  # a fault of ours
        remedy = "use .venv/bin/python, which `make sim` makes, or pip install ."
        return _failed(USER_FAULT, f"{error.name} is not installed: {remedy}")
    except BrokenPipeError:
        return 0  # the reader of standard output, `head` say, has seen enough
    except MemoryError as error:
        return _failed(RUN_FAULT, f"out of memory: {str(error) or 'a smaller batch takes less'}")
    except KeyboardInterrupt:  # not of the program, which is stopped at once, but where `main` is called
        return _failed(SIGNALED + signal.SIGINT, "stopped")
    return 0


def _failed(code: int, message: str) -> int:
    tell_fault("tandem", message)
    return code


def _parser() -> Program:
    parser = Program(
        "tandem",
        description="Cycle-level simulator of DNN hardware whose circuit ships with it.",
        epilog=EXAMPLES,
        add_help=False,
    )
    parser.add_argument(
        "-h",
        "--help",
        nargs="?",
        metavar="TOPIC",
        action=Help,
        help="show this, or of a command, or glossary",
    )
    parser.add_argument("--version", action="version", version=f"tandemsim {__version__}")
    parser.commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", parser_class=Parser
    )
    for command in COMMANDS:
        command.add(parser.commands)
    return parser

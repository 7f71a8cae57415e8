"""The command line: its commands, their options and their exit codes. Obeys docs/design.md, "The commands".

Wrong input is one line on stderr and exit code 2; a fault inside a run is exit code 1. Results go to stdout,
progress and messages to stderr. Heavy libraries are imported by the command that needs them. Options are
taken by their whole names alone: an abbreviation would change its meaning when an option is added.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tandemsim import __version__
from tandemsim.sim.arch.checks import ConfigError, UserError, nearest, one_line, shown
from tandemsim.sim.commands import sweep
from tandemsim.sim.shell.command_words import option_without_value
from tandemsim.sim.shell.stopping import SIGNALED
from tandemsim.traces.errors import TraceError

EXAMPLES = """\
examples:
  tandem run longformer                                  Longformer's attention on SALO, as text
  tandem run vil-medium-wide --out build/vil             and report.html, plots, Parquet, timeline
  tandem run longformer --preset salo-dac22 --json -     the published machine, as JSON alone
  tandem run longformer --set rows=16 --set dram.channels=2 --set memory=hbm2
  tandem run --pattern longformer:4096,512 --heads 12    one attention, without a file
  tandem run my_model.json --functional my_tensors.npz   values through the fixed-point array
  tandem list fields                                     what --set takes, with defaults and choices
  tandem sweep study.toml                                many runs as one table, and their Pareto front
  tandem reproduce salo                                  paper | published cost model | ours
"""
RUN_FAULT = 1
USER_FAULT = 2
GLOSSARY = "tandemsim.sim.report.glossary"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def __init__(self, **more: Any) -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=form, **more)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; refuse ``--option=--`` first, whose value argparse makes an empty list of."""
        words = sys.argv[1:] if args is None else args
        if option := option_without_value(words, self._option_string_actions):
            self.error(f"argument {option}: expected a value, not '--'")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        advice = f"; see {self.prog} --help"
        self.exit(USER_FAULT, one_line(self.prog, message, advice) + "\n")

    def refuse(self, word: str) -> NoReturn:
        """Say that `word` is no argument of this command."""
        if word.startswith("-"):
            self.error(nearest("option", word.partition("=")[0], self._option_string_actions))
        self.error(f"unexpected argument {shown(word)}")


class Help(argparse.Action):
    """Shows the help of the program, of a command, or the glossary, and ends."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        commands = parser.commands.choices
        if values == "glossary":
            with contextlib.suppress(BrokenPipeError):  # `head` has seen enough
                self._show_glossary(parser)
        elif values is None or values in commands:
            (commands[values] if values else parser).print_help()
        else:
            parser.error(nearest("help topic", values, [*commands, "glossary"]))
        parser.exit()

    def _show_glossary(self, parser: Any) -> None:
        try:
            words = importlib.import_module(GLOSSARY)
        except ModuleNotFoundError:
            parser.error("this version has no glossary")
        from tandemsim.sim.shell.files import standard_output

        with standard_output() as out:
            print(words.glossary_text(min(shutil.get_terminal_size((100, 0)).columns, 100)), file=out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    chosen, rest = _parser().parse_known_args(arguments)
    if rest:
        chosen.parser.refuse(rest[0])
    try:
        code: int = chosen.command(chosen)
    except (UserError, TraceError) as error:
        return _failed(USER_FAULT, str(error))
    except ModuleNotFoundError as error:
        if "." in str(error.name) or error.name == "tandemsim":
            raise  # a fault of ours
        told = "use .venv/bin/python, which `make sim` makes, or pip install ."
        return _failed(USER_FAULT, f"{error.name} is not installed: {told}")
    except BrokenPipeError:
        return 0  # the reader of standard output, `head` say, has seen enough
    except MemoryError as error:
        return _failed(RUN_FAULT, f"out of memory: {str(error) or 'a smaller batch takes less'}")
    except KeyboardInterrupt:  # not of the program, which is stopped at once, but where `main` is called
        return _failed(SIGNALED + signal.SIGINT, "stopped")
    return code


def _failed(code: int, message: str) -> int:
    if sys.stderr:
        print(one_line("tandem", message), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tandem",
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
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    parser.commands = commands
    _add_run(commands)
    _add_list(commands)
    _add_reproduce(commands)
    sweep.add(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run", help="run a workload on a machine", description="Run a workload on a machine."
    )
    run.set_defaults(command=_run, parser=run)
    run.add_argument(
        "workload",
        metavar="WORKLOAD|TRACE.json",
        nargs="?",
        help="a name from `tandem list workloads`, or a file",
    )
    run.add_argument(
        "--pattern",
        metavar="KIND:NUMBERS",
        help="instead of a workload, one attention: longformer:TOKENS,WINDOW (512 keys and the token's own),"
        " sliding:TOKENS,WINDOW, dilated:TOKENS,WINDOW,DILATION, vil:HEIGHT,WIDTH,WINDOW,"
        " strided_sparse:TOKENS,LOCAL,STRIDE, dense:TOKENS",
    )
    run.add_argument("--heads", metavar="N", type=int, help="of --pattern (default: 1)")
    run.add_argument("--head-dim", metavar="N", type=int, help="of --pattern (default: 64)")
    run.add_argument(
        "--global-tokens",
        metavar="N",
        type=int,
        help="of --pattern: so many first ones (default: its own)",
    )
    run.add_argument(
        "--only", metavar="REGEX", help="run only ops in whose names the regular expression is found"
    )
    run.add_argument("--machine", metavar="NAME", help="default: the machine for what the trace holds")
    run.add_argument(
        "--preset", metavar="NAME", help="default: the machine's first; see `tandem list presets`"
    )
    run.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="set a config field, dotted"
        " (array.rows=16) or by short name (rows=16, memory=hbm2): see `tandem list fields`; may be repeated",
    )
    run.add_argument(
        "--config",
        metavar="FILE.toml|REPORT.json",
        type=Path,
        help="config fields as TOML, or the config, machine and preset of a report;"
        " where --set, --machine or --preset say otherwise, they win",
    )
    run.add_argument(
        "--dump-config",
        action="store_true",
        help="print the config, whole, as TOML for --config, and stop",
    )
    run.add_argument("--batch", metavar="N", type=int, default=1, help="inputs at once (default: 1)")
    run.add_argument(
        "--out", metavar="DIR", help="write report.json, report.html, plots, ops.parquet, timeline.json.gz"
    )
    run.add_argument("--json", metavar="FILE|-", help="write the report as JSON; with - to stdout, alone")
    run.add_argument(
        "--timeline", metavar="FILE", help="write the timeline (.json or .json.gz; opens in Perfetto)"
    )
    run.add_argument(
        "--functional",
        metavar="FILE.npz",
        nargs="?",
        default=False,
        const=None,  # so: False without the option, None without a file
        help="run values through the machine's number formats"
        " and compare with float64: Q, K, V from a file, or N(0, 1)",
    )
    run.add_argument("--seed", metavar="N", type=int, default=0, help="of random tensors (default: 0)")
    run.add_argument(
        "--explain", action="store_true", help="say what bounds each op, and which settings would help most"
    )
    run.add_argument("--quiet", action="store_true", help="print no report and no progress")


def _add_list(commands: argparse._SubParsersAction[Parser]) -> None:
    listing = commands.add_parser(
        "list", help="what there is to run, and on what", description="Say what there is."
    )
    listing.set_defaults(command=_list, parser=listing)
    listing.add_argument(
        "what",
        nargs="?",
        metavar="machines|presets|workloads|fields|memories|numerics",
        help="default: the first three; fields are what --set takes, memories and numerics their catalogs",
    )
    listing.add_argument("machine", nargs="?", metavar="MACHINE", help="of fields (default: the first)")
    listing.add_argument("--preset", metavar="NAME", help="whose values fields have (default: the first)")


def _add_reproduce(commands: argparse._SubParsersAction[Parser]) -> None:
    reproduce = commands.add_parser(
        "reproduce",
        help="a paper's figures beside ours",
        description="Show a paper's figures, its published cost model and ours, with the reason of each gap.",
    )
    reproduce.set_defaults(command=_reproduce, parser=reproduce)
    reproduce.add_argument("paper", metavar="PAPER", help="salo")
    reproduce.add_argument("--json", metavar="FILE|-", help="write the rows as JSON; with - to stdout, alone")
    reproduce.add_argument("--quiet", action="store_true", help="print no table and no progress")


def _run(chosen: argparse.Namespace) -> int:
    from tandemsim.sim.commands.run import run

    run(chosen)
    return 0


def _list(chosen: argparse.Namespace) -> int:
    from tandemsim.sim.commands.list import show

    show(chosen.what, chosen.machine, chosen.preset)
    return 0


def _reproduce(chosen: argparse.Namespace) -> int:
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.commands.reproduce import PAPERS, reproduce
    from tandemsim.sim.shell.files import require_writable_file

    if chosen.paper not in PAPERS:
        raise ConfigError(nearest("paper", chosen.paper, PAPERS))
    if chosen.json is not None:
        require_writable_file(chosen.json)
    with progress(chosen.quiet) as told:
        reproduce(chosen.paper, chosen.json, show=not chosen.quiet and chosen.json != "-", progress=told)
    return 0

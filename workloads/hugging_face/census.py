"""``python -m workloads.hugging_face.census``: does every model type of transformers export, and how well?

Each type's default config, cut down to two layers, is built and traced on `meta` in a process of its own. The
table has a row a type: what it became, MACs beside those that PyTorch's `FlopCounterMode` counts in the same
run, and in how many attentions the pattern is known. A run goes on where another one of the same file ended.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.shell.command_line import Parser, answered, installed_by

SPEAKER = "workloads"

with installed_by(SPEAKER, "pip install 'tandemsim[models]'"):
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    from tandemsim.workloads.hugging_face.census_type import census_row

FORK = get_context("fork")  # a type takes a second, loading the libraries ten

#: The columns of the table. `result` is exported, not_built, needs_inputs, refused or stopped.
COLUMNS = (
    "type",
    "result",
    "seconds",
    "ops",
    "macs",
    "dense",
    "counted",
    "uncounted",
    "known",
    "unknown",
    "error",
    "notes",
)

#: Tokens of a text.
TOKENS = 64


def types() -> list[str]:
    """Return every model type that has both a config and a model."""
    return sorted(name for name in MODEL_MAPPING_NAMES if name in CONFIG_MAPPING_NAMES)


def run_all(names: Iterable[str], out: Path, processes: int, timeout: float) -> None:
    """Fill the table in `out`, `processes` types at once; rows that it has are kept."""
    done = {row["type"] for row in rows(out)} if out.exists() else set()
    wanted = [name for name in names if name not in done]
    finished: SimpleQueue[dict[str, Any]] = FORK.SimpleQueue()
    lanes = [
        FORK.Process(target=_lane, args=(wanted[i::processes], timeout, finished)) for i in range(processes)
    ]
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not file.tell():
            writer.writeheader()
        for lane in lanes:
            lane.start()
        for _ in wanted:
            writer.writerow(finished.get())
            file.flush()


def _lane(names: list[str], timeout: float, finished: SimpleQueue[dict[str, Any]]) -> None:
    """Take one type after the other, each in a process that may be stopped; the libraries are loaded once."""
    for name in names:
        receiver, sender = FORK.Pipe(duplex=False)
        process = FORK.Process(target=lambda name=name, sender=sender: sender.send(census_row(name, TOKENS)))
        process.start()
        sender.close()
        try:
            row = receiver.recv() if receiver.poll(timeout) else None
            error = f"took more than {timeout:.0f} s"
        except EOFError:
            row, error = None, "the process ended without a word"
        process.kill()
        process.join()
        finished.put(row or {"type": name, "result": "stopped", "error": error})


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summary(table: Iterable[dict[str, str]]) -> dict[str, int]:
    """Return how many types there are of each result, and of those exported how many hold what is claimed."""
    table = list(table)
    counts: dict[str, int] = {}
    for row in table:
        counts[row["result"]] = counts.get(row["result"], 0) + 1
    exported = [row for row in table if row["result"] == "exported"]
    counts["types that could be run"] = sum(
        row["result"] in ("exported", "refused", "stopped") for row in table
    )
    counts["MACs equal"] = sum(
        int(row["dense"]) == int(row["counted"]) + int(row["uncounted"]) for row in exported
    )
    counts["pattern known"] = sum(int(row["known"]) > 0 and int(row["unknown"]) == 0 for row in exported)
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 after one line about a mistake of the user's."""
    parser = Parser(
        "python -m workloads.hugging_face.census", SPEAKER, description="Export every model type."
    )
    parser.add_argument("types", nargs="*", metavar="TYPE", help="model types; all by default")
    parser.add_argument("--out", type=Path, default=Path("census.csv"), help="the table (census.csv)")
    parser.add_argument("--processes", type=int, default=1, help="that run at once (1)")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds for one type (180)")
    options = parser.parse_args(arguments)
    return answered(SPEAKER, lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    run_all(_chosen(options), options.out, max(options.processes, 1), options.timeout)
    for name, count in summary(rows(options.out)).items():
        print(f"{name:24}{count:5}")


def _chosen(options: argparse.Namespace) -> Iterator[str]:
    for name in options.types or types():
        if name not in MODEL_MAPPING_NAMES:
            raise ConfigError(nearest("model type", name, types()))
        yield name


if __name__ == "__main__":
    sys.exit(main())

"""``tandem cache``: an address trace through the caches of a CPU, and what each level counted."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from tandemsim.sim.shell.command_line import Parser

if TYPE_CHECKING:
    from tandemsim.sim.arch.cpu.cache import HierarchyConfig
    from tandemsim.sim.cpu.cache.hierarchy import Counts

SCHEMA = "tandem-caches/1"
DESCRIPTION = """\
Let every access of a trace through the caches of a CPU, exactly, and say what each level counted. A trace is
an .npz of the arrays address, and if need be write, core and tenant; or what valgrind's lackey writes:
  valgrind --tool=lackey --trace-mem=yes --log-file=my.lackey ./my_program
docs/cpu-cache.md says what is simulated."""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    from tandemsim.sim.arch.cpu.cache import CACHES

    presets = ", ".join(CACHES.presets)
    parser = commands.add_parser(
        "cache", help="an address trace through the caches of a CPU", description=DESCRIPTION
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument("trace", metavar="TRACE", help="an .npz, or text of lackey")
    parser.add_argument("--preset", metavar="NAME", help=f"{presets} (default: the first)")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="set a field: cores, island_cores, line_bytes, l1.bytes, l1.ways, l1.replacement (lru,"
        " tree-plru, srrip, random), l2..., l3..., inclusion (non-inclusive, inclusive, exclusive, victim),"
        " l3_way_masks (0x00ff,0xff00), writes_refresh, seed; a level of 0 bytes is left out",
    )
    parser.add_argument("--json", metavar="FILE|-", help="write all counts as JSON; with - to stdout, alone")
    parser.add_argument("--quiet", action="store_true", help="print no table")


def run(chosen: argparse.Namespace) -> None:
    """Read the trace, run it, and write what was asked for. Raises `UserError`."""
    from tandemsim.sim.arch.cpu.cache import CACHES
    from tandemsim.sim.cpu.cache.hierarchy import Hierarchy
    from tandemsim.sim.cpu.cache.trace_files import read_trace
    from tandemsim.sim.shell.files import STDOUT, written
    from tandemsim.sim.shell.settings_files import NOTHING, combined
    from tandemsim.sim.shell.targets import require_writable

    require_writable({"--json": chosen.json}, None, ())
    settings = combined(CACHES, NOTHING, chosen.preset, chosen.settings)[1]
    config: HierarchyConfig = CACHES.config(chosen.preset, settings)
    trace = read_trace(chosen.trace, config.line_bytes)
    tenants = len(config.l3_way_masks) or int(trace.tenants.max(initial=0)) + 1
    counts = Hierarchy(config, tenants).run(trace.addresses, trace.writes, trace.cores, trace.tenants)
    if chosen.json is not None:
        with written(chosen.json) as stream:
            stream.write(json.dumps(_document(config, counts), indent=1).encode() + b"\n")
    if not chosen.quiet and chosen.json != STDOUT:
        _print(counts)


def _document(config: HierarchyConfig, counts: Counts) -> dict[str, Any]:
    """Return the counts of all, of each tenant, and of each core that did anything."""
    from tandemsim.sim.arch.checks import to_dict

    tenants, cores = range(counts.table.shape[0]), range(counts.table.shape[1])
    busy = [core for core in cores if counts.table[:, core].any()]
    return {
        "schema": SCHEMA,
        "config": to_dict(config),
        "levels": {level: counts.of(level)._asdict() for level in counts.levels},
        "tenants": [
            {level: counts.of(level, tenant=tenant)._asdict() for level in counts.levels}
            for tenant in tenants
        ],
        "cores": {
            str(core): {level: counts.of(level, core=core)._asdict() for level in counts.levels}
            for core in busy
        },
    }


def _print(counts: Counts) -> None:
    import shutil

    from tandemsim.sim.cpu.cache.hierarchy import MEMORY
    from tandemsim.sim.report.layout import table
    from tandemsim.sim.report.text import MAX_WIDTH, print_text
    from tandemsim.sim.shell.files import standard_output

    tenants = counts.table.shape[0]
    rows = [["", "accesses", "hits", "misses", "miss ratio", "evictions", "write-backs"]]
    for tenant in [None, *range(tenants)] if tenants > 1 else [None]:
        for level in counts.levels[:-1]:
            own = counts.of(level, tenant=tenant)
            whose = level if tenant is None else f"{level}, tenant {tenant}"
            numbers = (own.accesses, own.hits, own.misses)
            ratio = f"{own.miss_ratio:.2%}" if own.accesses else "-"
            after = (own.evictions, own.write_backs)
            rows.append([whose, *(f"{n:,}" for n in numbers), ratio, *(f"{n:,}" for n in after)])
    memory = counts.of(MEMORY)
    lines = table(rows, "lrrrrrr", shutil.get_terminal_size((MAX_WIDTH, 0)).columns)
    lines.append(f"memory: {memory.loads:,} lines read, {memory.stores:,} written")
    with standard_output() as out:
        print_text("\n".join(lines) + "\n", out)

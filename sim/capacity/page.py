"""A result as one HTML page that needs nothing else: figures of each policy, gains, networks, plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tandemsim.sim.capacity.result import ServingResult
from tandemsim.sim.capacity.text import MS, gains, headline, policy_rows
from tandemsim.sim.report import plot_style
from tandemsim.sim.report.format import percent
from tandemsim.sim.report.pages import rendered
from tandemsim.sim.shell.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "serving.html"
PACKAGE = "tandemsim.sim.capacity"
MEANING = (
    "Latencies run from a query's arrival to its end. A conflict is a grant of fewer cores than were wanted;"
    " blocks are the mean layers of a unit, which keeps its cores until it ends. Cores and DRAM: the share"
    " that is in use."
)
CAPTIONS = {
    "latency": (
        "Latency against load",
        "Dashed: the targets. At the top, the highest loads with their intervals.",
    ),
    "core_time": (
        "Where core time goes",
        "All core-seconds of a run. One-core work is what the layers take on a single core with their data in"
        " L3; lost to parallelism is what teams take beyond that.",
    ),
    "conflicts": (
        "Conflicts and blocks",
        "How often a unit gets fewer cores than its policy wants, and its layers.",
    ),
    "versions": (
        "Which versions ran",
        "Three layers on the plane of parallelism and locality. The area of a mark is how often it ran.",
    ),
    "occupancy": (
        "A second of the machine",
        "A row for each core, with lines between the islands of L3; below, the first 30 ms of it.",
    ),
}


def serving_html(result: ServingResult, figures: Mapping[str, Figure]) -> str:
    """Return the page; the call takes the titles of the figures away."""
    heads, *rows = policy_rows(result)
    values = {
        "heading": headline(result),
        "version": __version__,
        "about": result.study.mix.line,
        "tiles": list(_tiles(result)),
        "meaning": MEANING,
        "heads": heads,
        "rows": rows,
        "ratios": gains(result),
        "networks": list(_networks(result)),
        "figures": [
            {"heading": heading, "caption": caption, "svg": plot_style.svg(figures[name], name)}
            for name, (heading, caption) in CAPTIONS.items()
            if name in figures
        ],
    }
    return rendered(TEMPLATE, values, PACKAGE)


def _tiles(result: ServingResult) -> Iterator[dict[str, str]]:
    study = result.study
    found = [(each.max_load, each.label) for each in result.policies]
    carrying = [(load.mean, label) for load, label in found if load is not None and load.mean]
    if carrying:
        best, label = max(carrying)
        yield {"name": "Highest load", "figure": f"{best:.4g}/s", "note": f"under {label}"}
    elif study.load is not None:
        yield {"name": "Load", "figure": f"{study.load:.4g}/s", "note": f"{study.arrivals} arrivals"}
    share = f"{100 * study.in_time:g} %"
    yield {"name": "In time", "figure": share, "note": "of the queries must be"}
    yield {"name": "Capacity", "figure": f"{result.capacity:.4g}/s", "note": "if all cores did one-core work"}
    counted = len(study.reported_seeds()) * (study.queries - study.warm_up)
    yield {"name": "Queries", "figure": f"{counted:,}", "note": "counted for each policy"}


def _networks(result: ServingResult) -> Iterator[list[str]]:
    tenants = {tenant.name: tenant for tenant in result.study.mix.tenants}
    for each in result.policies:
        for name, row in (each.at or {}).get("networks", {}).items():
            yield [
                each.label,
                name,
                f"{tenants[name].target_ms:g} ms",
                f"{result.alone_seconds[name] / MS:.3g} ms",
                percent(row["in_target"], 1),
                *(f"{row[key] / MS:.3g} ms" for key in ("mean", "p95", "p99")),
            ]

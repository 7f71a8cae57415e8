"""A result as text: a table of the policies, and the ratios between them."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.capacity.result import PolicyResult, ServingResult
from tandemsim.sim.report.format import percent
from tandemsim.sim.report.layout import table
from tandemsim.sim.serving.estimates import Estimate

MS = 1e-3
WIDTH = 200  # columns; a table of many policies is wide


def headline(result: ServingResult) -> str:
    """Return one line: what was served."""
    study = result.study
    what = "highest loads" if study.load is None else f"{study.load:g} queries/s"
    count = len(result.policies)
    policies = f"{count} {'policy' if count == 1 else 'policies'}"
    return f"{study.mix.name} on cpu, preset {result.preset}: {what} under {policies}"


def result_text(result: ServingResult) -> str:
    """Return the table with what stands above and below it."""
    study = result.study
    lines = [headline(result), f"  {study.mix.line}"]
    counted = study.queries - study.warm_up
    seeds = len(study.reported_seeds())
    lines.append(
        f"  {study.arrivals} arrivals, {seeds} x {counted:,} queries counted, {100 * study.in_time:g} % must"
        f" be in time; {result.capacity:.4g} queries/s would keep every core at one-core work"
    )
    align = ("<<" if study.load is None else "<").ljust(len(policy_rows(result)[0]), ">")
    lines += ["", *_indented(table(policy_rows(result), align, WIDTH))]
    ratios = gains(result)
    if ratios:
        lines += ["", "highest load over that of, by seed on the same queries:"]
        lines += _indented(table(ratios, "<".ljust(len(ratios[0]), ">"), WIDTH))
    return "\n".join(lines) + "\n"


def policy_rows(result: ServingResult) -> list[list[str]]:
    """Return the head of the table of policies, and a row for each."""
    is_search = result.study.load is None
    head = ["policy", "load/s", "in time", "mean", "p95", "p99", "cores", "conflicts", "blocks", "DRAM"]
    if is_search:
        head[1:2] = ["settings", "max load/s", "95 % interval"]
    return [head, *(_row(each, is_search) for each in result.policies)]


def _row(each: PolicyResult, is_search: bool) -> list[str]:
    at, cells = each.at, [each.label]
    if is_search:
        found = each.max_load
        assert found is not None
        tuned = {k: v for k, v in each.tuned.variant.settings.items() if k not in each.variant.settings}
        cells += [" ".join(f"{key}={value:g}" for key, value in tuned.items()) or "-"]
        cells += [f"{found.mean:.4g}", interval(found)]
    if at is None:
        return [*cells, *["-"] * 8] if is_search else [*cells, *["-"] * 9]
    if not is_search:
        cells.append(f"{at['load']:.4g}")
    return [
        *cells,
        percent(at["in_target"], 1),
        *(f"{at[key] / MS:.3g} ms" for key in ("mean", "p95", "p99")),
        f"{at['core_utilization']:.3f}",
        f"{at['conflict_rate']:.3f}",
        f"{at['block_layers']:.3g}",
        f"{at['dram_utilization']:.3f}",
    ]


def interval(found: Estimate) -> str:
    """Return the interval as text; of one seed, a dash."""
    return "-" if found.low is None or not found.mean else f"{found.low:.4g}...{found.high:.4g}"


def gain(found: Estimate | None) -> str:
    """Return a ratio as a gain in percent, with half of its interval."""
    if found is None:
        return "none: it carries nothing"
    spread = found.spread
    half = "" if spread is None else f" ± {100 * found.mean * spread:.1f}"
    return f"{100 * (found.mean - 1):+.1f}{half} %"


def gains(result: ServingResult) -> list[list[str]]:
    """Return the table of gains, its head first; without a search none."""
    ratios = result.ratios()
    if not ratios:
        return []
    labels = [each.label for each in result.policies]
    cells = {(each.policy, each.over): gain(each.estimate) for each in ratios}
    return [["", *labels], *([one, *(cells.get((one, other), "") for other in labels)] for one in labels)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]

"""All that ``--out`` writes of a served mix: data, page, plots, and a timeline for each policy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tandemsim.sim.arch.types import Progress
from tandemsim.sim.capacity.document import as_json
from tandemsim.sim.capacity.result import ServingResult
from tandemsim.sim.shell.files import written, written_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What the folder may get; plots that have nothing to show are left out.
PLOTS = ("latency.png", "core_time.png", "conflicts.png", "versions.png", "occupancy.png")
FILES = ("serving.json", "serving.html", *PLOTS)
TIMELINE_SECONDS = 0.25  # of each policy; more makes files that open slowly
RECORDINGS = "timelines"


def write_json(path: str | Path, result: ServingResult) -> None:
    """Write the result as JSON to `path`; ``-`` is standard output. Raises `FileError`."""
    with written(path) as stream:
        stream.write(as_json(result))


def write_folder(
    folder: str | os.PathLike[str], result: ServingResult, progress: Progress | None = None
) -> None:
    """Write ``serving.json``, ``serving.html``, plots as PNG and ``timeline-POLICY.json.gz``.

    The picture of a second is of the last policy that carries a load. Raises `FileError`.
    """
    # Here, because these bring matplotlib and jinja2, which nothing but --out needs.
    from tandemsim.sim.capacity.page import serving_html
    from tandemsim.sim.capacity.plot_cores import core_time, occupancy
    from tandemsim.sim.capacity.plot_loads import conflicts, latency
    from tandemsim.sim.capacity.plot_versions import versions
    from tandemsim.sim.capacity.recording import record
    from tandemsim.sim.capacity.timeline import write_recording
    from tandemsim.sim.report import plot_style

    service, study = result.service, result.study
    carrying = [each for each in result.policies if each.at is not None]
    figures: dict[str, Figure] = {}
    if any(each.curve for each in result.policies):
        figures |= {"latency": latency(result), "conflicts": conflicts(result)}
    if carrying:
        figures["core_time"] = core_time(result)
        last = carrying[-1]
        assert last.at is not None
        second = record(service, study, last.tuned.variant, last.at["load"])
        constants = service.constants
        figures["occupancy"] = occupancy(result, second, constants.cores, constants.islands)
    of_versions = versions(result, service)
    if of_versions is not None:
        figures["versions"] = of_versions
    with written_folder(os.fspath(folder)) as place:
        write_json(place / "serving.json", result)
        for number, each in enumerate(carrying):
            assert each.at is not None
            some = record(service, study, each.tuned.variant, each.at["load"], TIMELINE_SECONDS)
            name = f"timeline-{each.label.replace(':', '-')}.json.gz"
            write_recording(place / name, some, service, result.layers, study.mix.name)
            if progress:
                progress(RECORDINGS, number + 1, len(carrying))
        for name, figure in figures.items():
            (place / f"{name}.png").write_bytes(plot_style.png(figure))
        (place / "serving.html").write_text(serving_html(result, figures), encoding="utf-8")

"""A stretch of the machine for Perfetto: a row for each core, slices named and colored by tenant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tandemsim.sim.capacity.recording import Recording
from tandemsim.sim.report.timeline import NONE, Timeline, write_slices
from tandemsim.sim.serving.service import Service

CLOCK_HZ = 1_000_000  # slices are in microseconds, the unit of the file
TEAM = "re-forming a team"
PERCENT = 100


def timeline_of(recording: Recording, service: Service, layers: Sequence[str]) -> Timeline:
    """Return the slices of a recording, cut at the ends of its window; `layers`: names of all layers."""
    of_island = service.constants.cores // service.constants.islands
    begin = np.round(np.maximum(recording.begin, 0) * CLOCK_HZ).astype(np.int64)
    end = np.round(np.minimum(recording.end, recording.seconds) * CLOCK_HZ).astype(np.int64)
    keep = end > begin
    is_team = recording.is_team == 1
    columns = {
        "layer": np.where(is_team, NONE, recording.layer + service.tables.first_layer[recording.network]),
        "version": np.where(is_team, NONE, recording.version + 1),
        "query": recording.query,
        "stalled_percent": np.where(is_team, NONE, np.round(PERCENT * recording.stalled).astype(np.int64)),
    }
    return Timeline(
        tracks=tuple(
            f"island {core // of_island:02}, core {core:02}" for core in range(service.constants.cores)
        ),
        labels=(*service.names, TEAM),
        track=recording.core[keep],
        label=np.where(is_team, len(service.names), recording.network)[keep],
        start=begin[keep],
        duration=(end - begin)[keep],
        texts={"layer": tuple(layers)},
        arguments={name: column[keep] for name, column in columns.items()},
    )


def write_recording(
    path: str | Path, recording: Recording, service: Service, layers: Sequence[str], mix: str
) -> None:
    """Write a recording to `path`, gzipped where its name ends in ``.gz``. Raises `FileError`."""
    title = f"{mix} under {recording.label} at {recording.load:.4g} queries/s"
    about = {
        "mix": mix,
        "policy": recording.label,
        "load_qps": recording.load,
        "start_s": recording.start,
        "seconds": recording.seconds,
        "unit": "1 us of this file is 1 us",
    }
    write_slices(path, timeline_of(recording, service, layers), title=title, about=about, clock_hz=CLOCK_HZ)

"""A report in one row: a flat dict for a data frame, with the same keys whatever the run.

It is made of the report's JSON document and not of the record, so a ``report.json`` from the disk has the
same row as the run that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Key -> what it is; `<...>` stands for each name that the report has there. The order is that of the row.
SUMMARY_KEYS = {
    "workload": "name of the trace",
    "machine": "as --machine takes it",
    "preset": "as --preset takes it",
    "settings": "what was set on top of the preset, as --set takes it",
    "batch": "inputs that the model takes at once",
    "cycles": "clock cycles of the run",
    "seconds": "cycles / clock_hz",
    "clock_hz": "cycles per second",
    "utilization": "macs / (cycles x multipliers), 0 to 1",
    "macs": "useful multiply-accumulates of what ran",
    "macs_share": "the part of the model's multiply-accumulates that ran, 0 to 1",
    "multipliers": "multipliers of the machine",
    "compute_cycles": "cycles in which any array works",
    "stall_<cause>": "cycles in which no array works, by cause",
    "dram_read_bytes": "bytes of all read bursts",
    "dram_write_bytes": "bytes of all write bursts",
    "dram_bytes": "bytes over the DRAM pins, both ways",
    "energy_pj": "energy of the run in picojoules",
    "energy_<part>_pj": "energy by where it was spent",
    "power_w": "energy over seconds, in watts",
    "area_mm2": "area in mm², None where it is not known; published for a published circuit",
    "area_estimate_mm2": "area on one basis for all configurations, to compare them by",
    "ops": "ops that ran",
    "ops_not_run": "ops that the machine left out",
    "config_digest": "equal for runs on equal machines",
    "trace_digest": "equal for runs of equal work",
    "version": "version of tandemsim",
}


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a report's JSON document; keys and units are those of `SUMMARY_KEYS`.

    Values are strings, integers, floats and None.
    """
    return dict(_row(document))


def _row(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    derived = _derived(document)
    for key in SUMMARY_KEYS:
        before, name, after = key.partition("<")[0], "<" in key, key.partition(">")[2]
        if name:
            section = document["stall_cycles"] if before == "stall_" else document["energy_pj"]
            yield from ((f"{before}{part}{after}", value) for part, value in section.items())
        else:
            yield key, derived[key] if key in derived else document[key]


def _derived(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the row has and the document has not, or has otherwise."""
    dram = document["dram"]
    return {
        "settings": settings_text(document["settings"]),
        "batch": document.get("batch", 1),
        "dram_read_bytes": dram["read_bytes"],
        "dram_write_bytes": dram["write_bytes"],
        "dram_bytes": dram["read_bytes"] + dram["write_bytes"],
        "energy_pj": sum(document["energy_pj"].values()),
        "area_estimate_mm2": document.get("area_estimate_mm2", document["area_mm2"]),
        "ops": len(document["ops"]),
        "ops_not_run": len(document["not_run"]),
    }


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as ``--set`` takes them: ``array.rows=16 clock_hz=500000000``."""
    listed = {key: value if isinstance(value, list) else [value] for key, value in settings.items()}
    return " ".join(f"{key}={','.join(map(str, values))}" for key, values in listed.items())

"""The same attention on the user's own CPU, where torch is installed: run in a process of its own.

Nothing in `sim` imports torch, so `workloads.cpu_attention` does the measuring and this reads its JSON.
Without torch, or when the measurement fails, one line says so: a comparison is never worth a failed command.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from tandemsim.sim.shell.modules import module_command

MODULE = "tandemsim.workloads.cpu_attention"
TIMEOUT_S = 600  # assumed: tens of seconds on two cores
INSTALL = "torch is not installed; to measure this machine's CPU too: pip install 'tandemsim[models]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuBaseline:
    """Milliseconds of each layer on this machine: ``layers["longformer"]["dense"]``."""

    machine: str  # processor, threads, torch
    repeats: int
    layers: Mapping[str, Mapping[str, float]]


def measure_cpu(repeats: int = 3, command: tuple[str, ...] | None = None) -> CpuBaseline | str:
    """Measure, or return the line that says why not. `command` replaces the process that measures."""
    if command is None and importlib.util.find_spec("torch") is None:
        return INSTALL
    command = command or tuple(module_command(MODULE, "--repeats", str(repeats)))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        return _read(done.stdout)
    except subprocess.TimeoutExpired:
        return f"this machine's CPU was not measured: no answer in {TIMEOUT_S} s"
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        return f"this machine's CPU was not measured: {said[-1] if said else f'exit code {error.returncode}'}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"this machine's CPU was not measured: {error!r}"


def _read(text: str) -> CpuBaseline:
    document = json.loads(text)
    machine = f"{document['cpu']}, {document['threads']} threads, torch {document['torch']}"
    layers = {
        name: {way: float(value) for way, value in ways.items()} for name, ways in document["layers"].items()
    }
    return CpuBaseline(machine=machine, repeats=int(document["repeats"]), layers=layers)

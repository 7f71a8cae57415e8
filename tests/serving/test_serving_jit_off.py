"""The served loop gives the same bytes as plain Python, and in several threads at once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.serving.policy import POLICIES
from tandemsim.sim.serving.queries import poisson
from tandemsim.sim.serving.service import make_service
from tandemsim.sim.serving.simulation import simulate
from tests.serving.made_up import machine, networks

PROGRAM = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['computed']()))"
COSTLY = {"team_seconds": 5e-6, "join_seconds": 2e-6, "interference": 1.0, "dram_bytes_per_second": 2e10}
LAYERS = [[1e-3, 2e-3, 0.5e-3], [0.4e-3, 0.3e-3]]


def one(name: str, placement: Placement = Placement.ALIGNED) -> str:
    """Return a digest of all that a small run under one policy gives."""
    tables = networks(LAYERS, chunks=24, versions=(1.0, 0.95, 1.1), layer_bytes=3e6, rereads=4)
    tables.past_l2_bytes[::3] *= 3
    made = make_service(
        ["a", "b"], tables, machine(12, 3, **COSTLY), [3e-3, 1e-3], [1, 2], placement, error=0.1
    )
    run = simulate(made, replace(POLICIES[name]), poisson(made.shares, 120, 7), 4000.0, window=(0.0, 1.0))
    parts = (run.latency_seconds, run.slices, run.slice_cores, run.block_layers, run.versions_ran)
    text = b"".join(part.tobytes() for part in parts) + repr(run.core_seconds).encode()
    return hashlib.sha256(text).hexdigest()


def computed() -> dict[str, str]:
    found = {name: one(name) for name in POLICIES}
    return found | {"scattered": one("veltair", Placement.SCATTERED)}


def test_the_same_bytes_come_out_with_the_jit_off() -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM, __file__]
    ran = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    assert json.loads(ran.stdout) == computed()


def test_threads_do_not_disturb_each_other() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert (
            list(pool.map(one, ["veltair", "priced_versions"] * 4))
            == [
                one("veltair"),
                one("priced_versions"),
            ]
            * 4
        )

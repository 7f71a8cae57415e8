"""The kernel of the streams gives the same cycles as plain Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tandemsim.sim.ant.streams import stream_cycles
from tests.ant import draws
from tests.ant.test_gemm_cycles import ALL, random_ends, random_tiles, table

PROGRAM = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['computed']()))"


def computed() -> list[list[list[int]]]:
    """Return the cycles of all words of some runs of every array."""
    found = []
    for flow, schedule in ALL:
        rng = np.random.default_rng(0)
        for _ in range(5):
            config = draws.config(words=9, rows=6, cols=4, dataflow=flow, schedule=schedule)
            made = table(config, random_tiles(rng, 6))
            cycles = stream_cycles(made, config.timing, random_ends(rng, made, config.array.stationary))
            found.append([stream.tolist() for stream in cycles])
    return found


def test_the_same_cycles_come_out_with_the_jit_off() -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM, __file__]
    ran = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    assert json.loads(ran.stdout) == computed()

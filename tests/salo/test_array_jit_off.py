import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Band, Pattern

PROGRAM = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['computed'](sys.argv[2])))"


def computed(normalisation: str) -> list[Any]:
    """Every output and saturation of a small attention, in all formats."""
    pattern = Pattern(seq_len=24, bands=(Band(-3, 3, 1), Band(-8, 8, 4)), global_tokens=(5,))
    array = SaloArray(rows=4, cols=4, head_dim=4, normalisation=Normalisation(normalisation))
    found = []
    for name, numerics in NUMERICS.items():
        rng = np.random.default_rng(0)
        raw = [numerics.stored.quantize(rng.standard_normal((24, 4)) * 4)[0] for _ in range(3)]
        config = replace(SALO, array=array, numerics=numerics)
        result = PEArray(config).run(schedule(pattern, array), projection(*raw))
        found.append([name, result.output.tolist(), result.saturations])
    return found


@pytest.mark.parametrize("normalisation", [each.value for each in Normalisation])
def test_the_same_integers_come_out_with_the_jit_off(normalisation: str) -> None:
    command = [sys.executable, "-c", PROGRAM, __file__, normalisation]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    ran = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    with_jit = computed(normalisation)
    assert json.loads(ran.stdout) == with_jit
    assert sum(count for _, _, saturations in with_jit for count in saturations.values()) > 0

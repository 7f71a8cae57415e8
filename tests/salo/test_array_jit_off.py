import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.arch.salo_numerics import Normalisation

PROGRAM = """
import json, sys
import numpy as np
from dataclasses import replace
from sim.arch.presets import SALO
from sim.arch.salo import SaloArray
from sim.arch.salo_numerics import NUMERICS, Normalisation
from sim.salo.array import PEArray
from sim.salo.row import projection
from sim.salo.schedule import schedule
from traces.pattern import Band, Pattern

pattern = Pattern(seq_len=24, bands=(Band(-3, 3, 1), Band(-8, 8, 4)), global_tokens=(5,))
found = []
for name, numerics in NUMERICS.items():
    array = SaloArray(rows=4, cols=4, head_dim=4, normalisation=Normalisation(sys.argv[1]))
    config = replace(SALO, array=array, numerics=numerics)
    rng = np.random.default_rng(0)
    raw = [numerics.stored.quantize(rng.standard_normal((24, 4)) * 4)[0] for _ in range(3)]
    result = PEArray(config).run(schedule(pattern, array), projection(*raw))
    found.append([name, result.output.tolist(), result.saturations])
print(json.dumps(found))
"""


def results(normalisation: Normalisation, *, jit: bool) -> object:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0" if jit else "1"}
    command = [sys.executable, "-c", PROGRAM, normalisation.value]
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_the_same_integers_come_out_with_the_jit_off(normalisation: Normalisation) -> None:
    with_jit = results(normalisation, jit=True)
    assert with_jit == results(normalisation, jit=False)
    assert sum(count for _, _, saturations in with_jit for count in saturations.values()) > 0

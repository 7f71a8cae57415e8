"""How much of the co-simulation a run takes: all of it in `make cosim`, a sample in `make test`.

A Verilator build of an engine takes half a minute, so the sample is two arrays, on the quickest simulator
that is here, and one array on every simulator. Layers run on 4 x 4 PEs instead of 6 x 6, which build twice
as fast.
"""

import pytest

from tests.cosim import simulators
from tests.cosim.salo.configs import CONFIGS

WHOLE = simulators.WHOLE
HERE = simulators.found()
SIMULATORS = HERE if WHOLE else HERE[:1]
ON_EACH = pytest.mark.parametrize("simulator", SIMULATORS)
ON_EVERY = pytest.mark.parametrize("simulator", HERE)
SIDE = 6 if WHOLE else 4  # PEs along a side of an array that runs layers
ARRAYS = [*CONFIGS] if WHOLE else ["deferred", "wide_per_pass"]

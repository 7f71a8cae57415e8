"""How much of the co-simulation a run takes: all of it in `make cosim`, a sample in `make test`.

A Verilator build of an engine takes half a minute, so the sample is two arrays, on the quickest simulator
that is here, and one array on every simulator.
"""

import os

import pytest

from tests.cosim import simulators
from tests.cosim.configs import CONFIGS

WHOLE = bool(os.environ.get("TANDEM_COSIM"))
HERE = simulators.found()
SIMULATORS = HERE if WHOLE else HERE[:1]
ON_EACH = pytest.mark.parametrize("simulator", SIMULATORS)
ON_EVERY = pytest.mark.parametrize("simulator", HERE)
ARRAYS = [*CONFIGS] if WHOLE else ["deferred", "wide_per_pass"]

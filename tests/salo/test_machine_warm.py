"""`sim.memory.warm` compiles the memory's kernels for the types with which the machine calls them."""

import subprocess
import sys

CODE = """\
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.memory import dma, warm
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.traces.pattern import Pattern

kernels = [dma.dma_submit, dma.dma_advance]
warm.main()
before = [kernel.signatures for kernel in kernels]
simulate_layer(SALO, Pattern.longformer(64, 16), Layer(1, 64, 64, (0,)))
print([len(signatures) for signatures in before], [kernel.signatures for kernel in kernels] == before)
"""


def test_the_machine_compiles_none_of_them_anew() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stdout == "[1, 1] True\n", done.stderr

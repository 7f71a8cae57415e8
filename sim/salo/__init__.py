"""The SALO machine: hybrid sparse attention on a spatial array (DAC 2022).

Configuration: `sim.arch.salo.config`. Circuits: `rtl.salo`. The twins of the circuits lie here, what has no
twin in `scheduling`, `layer` and `values`.
"""

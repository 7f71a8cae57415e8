"""The SALO machine: hybrid sparse attention on a spatial array (DAC 2022). Configuration: `sim.arch.salo.config`."""

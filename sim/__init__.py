"""Tandem: a cycle-level simulator of DNN hardware whose circuit ships with it.

This module imports nothing, so that ``sim.arch`` can be used by the RTL generators without numba.
"""

__version__ = "0.1.0"

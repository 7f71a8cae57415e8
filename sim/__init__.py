"""The simulator: machines, engine, memory, reports and commands.

Imports nothing, so that rtl/ can use `sim.arch` without numba.
"""

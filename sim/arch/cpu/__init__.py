"""The CPU: its configuration, presets, energy, and the numbers that kernels take of it."""

"""Discrete-event core: what a machine's loop is made of. Start at `sim.engine.event`. Imports nothing."""

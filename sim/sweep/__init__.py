"""Sweeps: many runs from one study, each a row of one table, on local processes or a cluster."""
